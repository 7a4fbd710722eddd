// Weights into a network by their names, whatever holds the network.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// A parameter or buffer of a network.
struct WeightSlot {
  std::string name;
  std::optional<DType> dtype;                       // nullopt: one that mgit does not have
  std::vector<std::optional<std::uint64_t>> shape;  // nullopt: any length
  const void* storage = nullptr;                    // equal for those that are tied
  bool optional = false;                            // a checkpoint may lack it

  bool takes(const Shape& tensor) const;
};

/// Where a network is wrapped in another module (torch.jit.trace of a helper class), its names have
/// one prefix more than the checkpoint's: "m.fc1.weight" for "fc1.weight".
std::string wrapper_prefix(const std::vector<WeightSlot>& slots, const TensorSource& weights);

/// Gives every slot that the weights have its tensor, in the slot's dtype. A tied tensor may be
/// named once only. Throws Error naming the first tensor that the weights lack, that the network
/// lacks (but for what `unused` says may be so), or of another shape. `network`: for messages.
void fill_slots(const std::vector<WeightSlot>& slots, const TensorSource& weights,
                const std::string& network,
                const std::function<void(std::size_t slot, const TensorView& tensor)>& fill,
                const std::function<bool(const TensorInfo&)>& unused = {});

}  // namespace mgit
