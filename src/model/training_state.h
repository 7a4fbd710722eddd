// Training states: files that hold more than the weights of a network, such as
// {'model': .., 'optimizer': .., 'epoch': ..}, and names that a wrapper has put a prefix before.
//
// The weights are found by their names. A spec of the weights becomes one of the whole file: the
// optimizer's moments and copies of the weights (moving averages) move as their parameters do. Pure
// functions of names, shapes and outlines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/outline.h"
#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// What the names of the weights may begin with in this file ("", "model.", "model.module."), from
/// the shortest to the longest; never empty. `key` is .mgitconfig's: where the weights are, empty
/// if it says nothing. Throws Error if nothing is there.
std::vector<std::string> weight_prefixes(const std::vector<TensorInfo>& tensors,
                                         const std::string& key);

/// The weights under a prefix, with their names in the network, sorted.
std::vector<TensorInfo> weights_under(const std::vector<TensorInfo>& tensors,
                                      std::string_view prefix);

/// The weights of another source, with their names in the network. Keeps a reference to it.
class WeightsModel : public TensorSource {
 public:
  WeightsModel(const TensorSource& file, std::string prefix);
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override;

 private:
  const TensorSource& file_;
  std::string prefix_;
  std::vector<TensorInfo> infos_;
};

/// The part of a file's spec that speaks of its weights, by their names in the network.
Spec spec_of_weights(const Spec& file, const std::string& prefix,
                     const std::vector<TensorInfo>& weights);

/// Whether mgit moves the moments of an optimizer with their parameters.
enum class Moments : std::uint8_t { kMove, kLeave };

/// The spec of the whole file from that of the weights under `prefix`. `outline` may be missing; it
/// is needed where the optimizer numbers its parameters. Throws Error, with the tensor as its
/// place, where it cannot be known which parameter a tensor belongs to.
Spec spec_of_state(const Spec& weights, const std::string& prefix,
                   const std::vector<TensorInfo>& tensors, const std::optional<Outline>& outline,
                   Moments moments);

}  // namespace mgit
