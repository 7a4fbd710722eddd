#include "graph/onnx/proto.h"
#include "graph/onnx/reader.h"
#include "graph/onnx/tidy.h"
#include "mgit/graph.h"

namespace mgit {

Graph read_onnx(Bytes file, std::string_view source) {
  try {
    Graph graph = onnx::tidied(onnx::read_graph(onnx::read_model(file)));
    graph.source = source;
    return graph;
  } catch (const CorruptError& error) {
    throw CorruptError(error.what(), std::string(source), error.hint());
  } catch (const Error& error) {
    throw Error(error.what(), std::string(source), error.hint());
  }
}

}  // namespace mgit
