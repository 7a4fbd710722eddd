// Operators of PyTorch's that stand for a whole layer, as the operators that they are made of.
#pragma once

#include <optional>
#include <string>

#include "graph/torchscript/builder.h"

namespace mgit::torchscript {

/// nullopt: it is no such operator. What nn.MultiheadAttention and nn.TransformerEncoderLayer call
/// while no gradients are asked for. Throws Error for masks, which those have in several meanings.
std::optional<Value> apply_composite(Builder& builder, const std::string& name,
                                     const Arguments& arguments);

}  // namespace mgit::torchscript
