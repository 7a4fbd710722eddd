#include "graph/onnx/proto.h"
#include "graph/onnx/reader.h"
#include "graph/onnx/tidy.h"
#include "graph/reading.h"
#include "mgit/graph.h"

namespace mgit {

Graph read_onnx(Bytes file, std::string_view source, const std::vector<GraphInput>& inputs) {
  return reading(source, [&] {
    Graph graph = onnx::tidied(onnx::read_graph(onnx::read_model(file), inputs));
    graph.source = source;
    return graph;
  });
}

}  // namespace mgit
