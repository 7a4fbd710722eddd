// mgit gc --best: the versions of a tensor as the smallest differences from each other that mgit
// knows.
//
// An object keeps its base, or gets one of the versions written before it, and is coded as a delta,
// or as what is left after a move of low rank (coding/low_rank.h), whichever is smallest. For one
// thread; the work inside is done on all cores. Needs memory for a few times the largest object it
// looks at.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "mgit/tensor.h"
#include "store/object_store.h"

namespace mgit {

/// Objects that are the same tensor in different checkpoints.
struct TensorVersions {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<Digest> objects;
};

struct Recoded {
  RecordHeader header;
  Buffer payload;
};

class Recoder {
 public:
  /// `rows` outlive it: what there is, and what it is based on.
  Recoder(ObjectStore& objects, const std::unordered_map<Digest, Location>& rows);

  /// versions.objects[index] in a smaller form than it has; the caller is bound to write it. Bases
  /// are looked for among the versions before it. nullopt also for what is damaged: that is fsck's
  /// business.
  std::optional<Recoded> recode(const TensorVersions& versions, std::size_t index);

 private:
  std::optional<Digest> base_of(const Digest& object) const;
  std::vector<Digest> candidates(const TensorVersions& versions, std::size_t index) const;
  bool may_stand_on(const Digest& object, const Digest& base) const;
  void stand_on(const Digest& object, const Digest& base);
  std::size_t depth(const Digest& object) const;
  void raise(const Digest& object);

  ObjectStore& objects_;
  const std::unordered_map<Digest, Location>& rows_;
  std::unordered_map<Digest, Digest> new_bases_;
  std::unordered_map<Digest, std::size_t> heights_;  // of what stands on an object
};

}  // namespace mgit
