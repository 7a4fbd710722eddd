// Shard indexes: which shard of a model holds which tensor.
//
// The JSON file that transformers writes beside the shards of a model, {"metadata": {...},
// "weight_map": {tensor: shard file}}, named model.safetensors.index.json. It may come from
// anybody: paths stay below its folder, names are unique. Pure functions of bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

struct ShardIndex {
  std::vector<std::pair<std::string, std::string>> weight_map;  // (tensor, shard), sorted by tensor

  /// Every shard once, sorted.
  std::vector<std::string> shards() const;
  /// The shard of a tensor; nullptr if the index does not name the tensor.
  const std::string* find(std::string_view tensor) const;
  bool operator==(const ShardIndex&) const = default;
};

/// "model.safetensors" for "model.safetensors.index.json", "model.fp16.safetensors" for
/// "model.safetensors.index.fp16.json" (transformers' variants): the file that an index stands for.
/// nullopt for a path that names no index. Folders stay.
std::optional<std::string> checkpoint_of_index(std::string_view path);

/// Do both paths name one model, as a single file or as a sharded set?
bool same_model_path(std::string_view a, std::string_view b);

/// A shard that does not lie in the index's folder or below it.
class OutsideError : public CorruptError {
 public:
  using CorruptError::CorruptError;
};

/// Throws OutsideError for a path that is no plain relative one, and CorruptError: bad JSON, no
/// weight_map, a tensor named twice.
ShardIndex parse_shard_index(std::string_view json, std::string_view where);

/// A shard as it was found.
struct ShardTensors {
  std::string shard;  // as the index names it
  const std::vector<TensorInfo>* tensors = nullptr;
};

/// Index and shards must name the same tensors, each in one shard. Throws CorruptError or
/// MissingError naming the first tensor that does not fit. `shards` are those the index names,
/// sorted.
void check_shards(const ShardIndex& index, const std::vector<ShardTensors>& shards,
                  std::string_view where);

}  // namespace mgit
