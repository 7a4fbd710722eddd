// From the messages of an ONNX file to a graph with ATen's operators.
#pragma once

#include "graph/onnx/proto.h"
#include "mgit/graph.h"

namespace mgit::onnx {

/// Not yet tidied. Throws CorruptError and Error, without a place.
Graph read_graph(const Model& model);

}  // namespace mgit::onnx
