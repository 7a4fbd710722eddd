// Adapters: what a fine-tuning adds to the weights of a model, in a file of its own (PEFT's
// adapter_model.safetensors, diffusers' and kohya's LoRA files).
//
// An adapter has no units of its own: its factors stand on the axes of the weights that it adapts.
// In `B * A`, A's columns are that weight's inputs and B's rows its outputs; the rank between them
// is nobody else's. So where the units of its model change places, it has to be carried along, and
// nothing else may be done to it. Pure functions of names, shapes and specs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// By the name of the file, or as every tensor is a factor by its name. A model that holds its
/// adapter among its own weights is none.
bool is_adapter(const std::string& path, const std::vector<TensorInfo>& tensors);

/// Why there is no spec for one.
inline constexpr std::string_view kAdapterHasNoUnits =
    "an adapter has no units of its own to reorder: a rebase moves it with the model that it "
    "adapts";

/// Why this is no adapter of the model whose weights these are, with the tensor; nullopt: every
/// tensor is understood, and fits a weight.
std::optional<std::string> adapter_misfit(const std::vector<TensorInfo>& adapter,
                                          const std::vector<TensorInfo>& weights);

/// A spec of the adapter, and a permutation of its groups.
struct CarriedAdapter {
  Spec spec;
  Permutation permutation;
};

/// What the adapter has to be permuted by as its model is permuted by `permutation`. `weights` and
/// `model` are of the model's weights, by their names in the network; the adapter fits them. An
/// empty spec: nothing of it moves. Throws Error, with the tensor as its place, where what moves
/// has no axis in a factor (units of a family that stand across both axes of a weight).
CarriedAdapter carry_adapter(const std::vector<TensorInfo>& adapter,
                             const std::vector<TensorInfo>& weights, const Spec& model,
                             const Permutation& permutation);

}  // namespace mgit
