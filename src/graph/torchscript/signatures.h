// The arguments of ATen's operators: source text gives most of them by position, a graph by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/torchscript/value.h"

namespace mgit::torchscript {

struct Signature {
  int results = 1;       // tensors; 0: a list of them
  const char* overload;  // "" for the first one, or where all have the same arguments
  /// Names of the arguments that may stand without one. Where overloads differ in them, with kinds:
  /// T a tensor, L a list of tensors, I a list of numbers, n a number, b a boolean, s a text.
  const char* arguments;
  const char* operators;  // without their in-place forms
};

/// The operator without the mark of its in-place form: "add" of "add_", "__and__" of "__iand__".
std::string pure_name(const std::string& op);

/// nullptr: no operator of this name takes such arguments.
const Signature* find_signature(std::string_view pure, const std::vector<Value>& positional);
std::vector<std::string> argument_names(const Signature& signature);
/// Whether there is an operator of this name, whatever its arguments.
bool is_operator(std::string_view pure);

}  // namespace mgit::torchscript
