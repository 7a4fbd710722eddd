// What each tensor of a model is to a merge: a number to be averaged, or something that is taken as
// it is. Told by names, dtypes and shapes alone.
//
// Weights in codes (I8, F8, GPTQ, bitsandbytes, blocks) mean something only with their scales and
// zero points: those make up a *unit*, which comes whole from one side. Counters, indexes, masks
// and the state of a training have no mean; ours stay. Pure; a const TensorRoles may be shared
// between threads. Cost: linear in the names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

enum class TensorRole : std::uint8_t {
  kAveraged,
  kQuantised,      // codes, and what they are read with: one unit
  kComplex,        // a unit of its own
  kCalibration,    // scale and zero point without codes (fake quantisation): one unit
  kCounter,        // how many steps, batches, tokens
  kIndex,          // integers that point somewhere
  kMask,           // what takes part, what was pruned
  kTrainingState,  // optimizer moments, schedulers, random generators
};

/// Tensors that come from one side together.
struct TensorUnit {
  std::vector<std::size_t> members;  // ascending
  std::size_t head = 0;              // the member that a message names
};

/// By itself: a tensor of an optimizer, a scheduler or a random generator.
bool is_training_state(const TensorInfo& info);

class TensorRoles {
 public:
  TensorRoles() = default;
  explicit TensorRoles(std::vector<TensorInfo> tensors);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  TensorRole of(std::size_t tensor) const { return roles_[tensor]; }
  const std::vector<TensorUnit>& units() const { return units_; }
  /// nullptr: it goes alone.
  const TensorUnit* unit_of(std::size_t tensor) const;
  /// Of a unit: those of its members that are no numbers.
  bool is_code(std::size_t tensor) const;

 private:
  friend class RoleFinder;
  std::vector<TensorInfo> tensors_;
  std::vector<TensorRole> roles_;
  std::vector<TensorUnit> units_;
  std::vector<std::optional<std::size_t>> unit_of_;
};

/// Who changed what, as a merge sees it. Asked only about tensors that may not be averaged.
struct RoleSides {
  std::size_t count = 0;
  /// Whether the side decides a tensor: it changed it, or there is no base.
  std::function<bool(std::size_t side, std::size_t tensor)> decides;
  /// Equal for equal elements.
  std::function<Digest(std::size_t side, std::size_t tensor)> content;
};

struct RoleVerdict {
  /// By tensor: the side that it is taken from as it is; nullopt: whoever decides it combines it.
  std::vector<std::optional<std::size_t>> taken;
  std::vector<std::string> conflicts;  // a line for each unit that sides changed differently
  std::string left_out;  // "2 counters (a, b), 1 mask (c)": what differs and stays ours
};

/// Side 0 is ours. A unit whose codes no side changed is combined: scales are numbers then.
RoleVerdict settle_roles(const TensorRoles& roles, const RoleSides& sides);

}  // namespace mgit
