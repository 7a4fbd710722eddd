// Operators of one number.
#pragma once

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

/// Of one tensor, which is called "self" or "input".
template <double (*F)(double)>
Arrays unary(const Call& call) {
  return {map(call.tensor(call.node().find("self") != nullptr ? "self" : "input"), F)};
}

}  // namespace mgit::interpreter
