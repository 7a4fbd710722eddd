// A derivation as the text of a spec.
#pragma once

#include <string>
#include <vector>

#include "graph/derive_interpreter.h"

namespace mgit::derivation {

/// A tensor of the checkpoint, in the order of the graph's parameters.
struct DerivedTensor {
  std::string name;
  Layout layout;
  bool match = true;  // false: running statistics
};

struct WrittenSpec {
  std::string text;
  double freedom = 0;  // the logarithm of the number of reorderings that it allows
};

/// The spec: groups named after the first tensor they stand on, tensors by name. Atoms that move
/// nothing are `_`.
WrittenSpec write_spec(Interpreter& interpreter, const std::vector<DerivedTensor>& tensors,
                       const std::vector<std::string>& skipped);

}  // namespace mgit::derivation
