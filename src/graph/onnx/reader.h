// From the messages of an ONNX file to a graph with ATen's operators.
#pragma once

#include "graph/onnx/proto.h"
#include "mgit/graph.h"

namespace mgit::onnx {

/// Not yet tidied. `given`: what the network's inputs are, or nothing. Throws CorruptError and
/// Error, without a place.
Graph read_graph(const Model& model, const std::vector<GraphInput>& given);

}  // namespace mgit::onnx
