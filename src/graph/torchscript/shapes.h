// What an operator gives, told from the shapes of its arguments.
#pragma once

#include <functional>
#include <vector>

#include "graph/torchscript/value.h"

namespace mgit::torchscript {

struct Result {
  Shape shape;
  DType dtype;
};

using TensorOf = std::function<const Tensor&(ValueId)>;

/// The results of a node whose tensors `tensor_of` has. Shapes are computed from shapes where there
/// is a rule for it; other operators are run on zeros. Throws Error for an operator that cannot be
/// run, for lengths that depend on what the network is given, and for shapes that do not fit.
/// `work` counts the numbers that were run on; too many in all are an Error.
std::vector<Result> results_of(const GraphNode& node, const TensorOf& tensor_of, std::size_t& work);

/// The contents of the results of a node all of whose tensors are known.
std::vector<interpreter::Array> contents_of(const GraphNode& node, const TensorOf& tensor_of,
                                            std::size_t& work);

}  // namespace mgit::torchscript
