// Operators of ATen that older LibTorches lack, or some overload of, composed of those that they
// have.
#pragma once

#include <string>
#include <vector>

#include "eval/torch_tensor.h"

namespace mgit {

/// The arguments of a call that is to be composed, by their names.
class TorchArguments {
 public:
  explicit TorchArguments(const std::vector<TorchArgument>& arguments) : arguments_(arguments) {}

  /// None where it was left out.
  const TorchArgument::Value& value(std::string_view name) const;
  /// None (an empty one) where it was left out. Throws Error for what is no tensor.
  TorchTensor tensor(std::string_view name) const;
  double number(std::string_view name, double otherwise) const;

 private:
  const std::vector<TorchArgument>& arguments_;
};

using Substitute = std::vector<TorchTensor> (*)(const TorchArguments& arguments);

/// Throws Error for arguments on which LibTorch would crash, or read what is not theirs.
void check_arguments(const std::string& op, const TorchArguments& arguments);

/// nullptr: there is none.
Substitute find_substitute(const std::string& op);

}  // namespace mgit
