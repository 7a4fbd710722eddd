// Several models with different tensors as one: the shards of a sharded set.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// Owns its parts; a tensor is read from its part when it is asked for, so no more than that is in
/// memory.
class JoinedModel final : public TensorSource {
 public:
  /// Throws CorruptError if two parts have a tensor of one name.
  explicit JoinedModel(std::vector<std::unique_ptr<TensorSource>> parts);
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override;

 private:
  std::vector<std::unique_ptr<TensorSource>> parts_;
  std::vector<TensorInfo> infos_;
  std::map<std::string, const TensorSource*, std::less<>> owners_;
};

}  // namespace mgit
