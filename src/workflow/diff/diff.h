// What changed between two checkpoints, tensor by tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/outline.h"
#include "mgit/format.h"
#include "mgit/tensor.h"

namespace mgit {

enum class TensorChange : std::uint8_t { kEqual, kChanged, kReshaped, kAdded, kGone, kMoved };

/// "changed", "added", …
std::string_view change_name(TensorChange change);

struct TensorDifference {
  std::string name;
  TensorChange change = TensorChange::kEqual;
  std::optional<TensorInfo> before;
  std::optional<TensorInfo> after;
  // For changed tensors of arithmetic dtypes, in double:
  std::optional<double> relative;  // ||b - a|| / ||a||; infinite if a is zero
  std::optional<double> cosine;    // absent if one of them is zero
  std::optional<double> norm_before{};
  std::optional<double> norm_after{};
  std::string other_file{};  // of one that moved: where it went to, or came from
};

/// One side of a comparison. Without a manifest, bytes are compared in place of object names.
struct CheckpointSide {
  const TensorSource* source = nullptr;
  const Manifest* manifest = nullptr;
};

/// All tensors of both, sorted by name. Tensors are read one by one, on all cores.
std::vector<TensorDifference> compare_checkpoints(const CheckpointSide& before,
                                                  const CheckpointSide& after);

/// One tensor that both sides have with its dtype and shape: kChanged with its numbers, or left as
/// it is. Throws MissingError if values are not here and names of objects cannot tell.
void compare_values(const CheckpointSide& before, const CheckpointSide& after,
                    TensorDifference& result);

/// "3 of 33 chunks changed, 786432 of 8389632 bytes"; empty if they are equal.
std::string compare_chunks(const std::vector<ManifestChunk>& before,
                           const std::vector<ManifestChunk>& after);

/// A value that is no tensor, like the epoch of a training state; nullopt: not there on that side.
struct ScalarDifference {
  std::string name;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

/// Those that differ, in the order of the file. Without an outline of both sides: none.
std::vector<ScalarDifference> compare_scalars(const std::optional<Outline>& before,
                                              const std::optional<Outline>& after);

/// A checkpoint that is not the same on both sides.
struct CheckpointDifference {
  std::string path;
  std::string old_path;  // of a rename; else empty
  char status = 'M';     // git's letter
  std::vector<TensorDifference> tensors;
  std::vector<ScalarDifference> scalars{};
  std::string chunks;   // what changed outside tensors, in words; empty if nothing did
  std::string problem;  // why the tensors could not be compared; usually empty
};

/// The table for people.
std::string difference_text(const CheckpointDifference& difference, bool colour);

}  // namespace mgit
