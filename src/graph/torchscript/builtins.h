// What TorchScript computes beside tensors: numbers, lists, texts, questions about tensors.
#pragma once

#include <optional>
#include <string>

#include "graph/torchscript/builder.h"

namespace mgit::torchscript {

/// nullopt: no such function, or not for these arguments: an operator on tensors. `name` as the
/// text has it behind "torch." or "ops.prim.". Throws Error where a number is asked for that only
/// the network's data tells.
std::optional<Value> call_builtin(Builder& builder, const std::string& name,
                                  const Arguments& arguments);

/// The number that a value stands for. Throws Error for a tensor whose contents are not known.
std::int64_t whole_number(const Value& value);
double real_number(const Value& value);
bool truth(const Value& value);

}  // namespace mgit::torchscript
