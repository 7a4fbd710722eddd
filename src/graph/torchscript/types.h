// Dtypes: PyTorch's numbers for them, and which one an operator's results have.
#pragma once

#include <string>

#include "graph/torchscript/shapes.h"

namespace mgit::torchscript {

/// c10::ScalarType. Throws Error for one that mgit has no dtype for.
DType scalar_type(std::int64_t number);
/// c10::ScalarType of a dtype; -1: none.
std::int64_t scalar_type_number(DType dtype);
/// "contiguous", "channels_last": c10::MemoryFormat.
std::string memory_format(std::int64_t number);

/// Exact as to integers, booleans and real numbers; of real numbers, which ones is not followed
/// closely, as graphs are computed in float64.
DType result_dtype(const GraphNode& node, std::size_t output, const TensorOf& tensor_of);

}  // namespace mgit::torchscript
