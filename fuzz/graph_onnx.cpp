// ONNX models as graphs: protocol buffers of unknown origin, and specs derived from them.
//
// For each input that is read, a number of others is tried in which some bytes stand in the place
// of others: names, lengths and operators change places without that the messages fall apart.
#include "graph_checks.h"
#include "mgit/graph.h"

namespace {

using namespace mgit;

constexpr std::string_view kName = "fuzz.onnx";

/// The initialisers as they are in the graph, with or without bytes.
std::vector<TensorInfo> network_of(const Graph& graph) {
  std::vector<TensorInfo> network;
  for (const GraphParameter& parameter : graph.parameters) {
    TensorInfo info{parameter.tensor, graph.values[parameter.value].dtype, {}};
    for (const auto& length : graph.values[parameter.value].shape)
      info.shape.push_back(length.value_or(0));
    network.push_back(std::move(info));
  }
  return network;
}

/// False: it is refused.
bool try_model(Bytes file) {
  static constexpr std::size_t kMostNodes = 300;
  try {
    const Graph graph = read_onnx(file, kName);
    fuzz::GraphChecker(graph).check();
    fuzz::require(!graph_text(graph).empty() || graph.values.empty(), "a graph has a text");
    if (graph.nodes.size() > kMostNodes) return true;
    derive_spec(graph, network_of(graph));
    const auto initializers = onnx_initializers(file, kName);
    const Graph bound = bind_initializers(graph, *initializers, *initializers);
    fuzz::GraphChecker(bound).check();
    return true;
  } catch (const Error& error) {
    fuzz::require(error.where() == kName, "an error has its place");
    return false;
  }
}

void try_others(Bytes file) {
  constexpr int kOthers = 16;
  constexpr std::size_t kLongest = 6;
  if (file.size() < 2 * kLongest) return;
  std::uint64_t state = std::hash<Digest>()(sha256(file));
  const auto any = [&](std::size_t count) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>(state >> 33U) % count;
  };
  for (int i = 0; i < kOthers; ++i) {
    Buffer changed(file.begin(), file.end());
    for (int edit = 0; edit <= i % 4; ++edit) {
      const std::size_t length = 1 + any(kLongest);
      const std::size_t from = any(file.size() - length);
      const std::size_t to = any(file.size() - length);
      std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(from), length,
                  changed.begin() + static_cast<std::ptrdiff_t>(to));
    }
    try_model(changed);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file = fuzz::bytes_of(data, size);
  if (try_model(file)) try_others(file);
  return 0;
}
