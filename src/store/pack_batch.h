// Writing to a store: one pack, made visible at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "store/object_store.h"
#include "store/pack_writer.h"
#include "store/view.h"

namespace mgit {

/// Coding happens in the caller's thread, outside the lock; appending inside it.
class PackBatch final : public Store::Batch {
 public:
  explicit PackBatch(ObjectStore& store) : store_(store) {}

  Digest put(Bytes data, unsigned element_size) override;
  void put_as(const Digest& object, Bytes data, unsigned element_size) override;
  void put_view(const Digest& object, Bytes data, const Digest& base, unsigned element_size,
                const Shape& shape, std::span<const Gather> axes) override;
  std::size_t copy(const Store& from, std::span<const Digest> objects) override;
  std::uint64_t stored() const override;
  void commit() override;

 private:
  struct BasedView {
    Digest base;
    View view;
  };

  /// Writes what was claimed. After a failure the batch can no longer be committed: what it claimed
  /// and did not write would be missing.
  template <typename Action>
  void guarded(const Action& action);
  /// True once per object: the caller writes it.
  bool claim(const Digest& object);
  /// In the store or in this batch.
  bool known(const Digest& object) const;
  /// The same for an object that what is written rests on: its age is freshened.
  bool rely_on(const Digest& object);
  bool known_as_view(const Digest& object) const;
  /// How `object` is a view, where it is one.
  std::optional<BasedView> view_of(const Digest& object) const;
  /// A view whose base is no view; nullopt if that cannot be.
  std::optional<BasedView> flattened(BasedView view) const;

  void write_plain(const Digest& object, Bytes data, unsigned element_size);
  void write_view(const Digest& object, Bytes data, BasedView wanted);
  void write_streamed(RecordHeader header, Bytes data, unsigned element_size);
  void append(RecordHeader header, Bytes payload);
  void copy_one(ObjectStore& from, const Digest& object, std::size_t& copied);
  PackWriter& writer();
  void note(const RecordHeader& header, std::uint64_t offset);

  ObjectStore& store_;
  mutable std::mutex mutex_;  // guards everything below
  std::unique_ptr<PackWriter> writer_;
  std::vector<IndexEntry> entries_;
  std::unordered_set<Digest> claimed_;
  std::unordered_set<Digest> relied_on_;
  std::unordered_map<Digest, BasedView> views_;
  bool broken_ = false;
};

}  // namespace mgit
