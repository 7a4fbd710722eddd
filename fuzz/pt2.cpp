// torch.export archives: programs of unknown origin in a zip archive.
//
// Few mutations of bytes leave JSON that parses. So for each input that is read, a number of others
// is tried in which some texts and numbers stand in the place of others.
#include <cctype>

#include "graph_checks.h"
#include "mgit/graph.h"

namespace {

using namespace mgit;

bool is_small(const Graph& graph) {
  static constexpr std::uint64_t kMost = 512;
  return graph.nodes.size() < 100 &&
         std::all_of(graph.values.begin(), graph.values.end(), [](const GraphValue& value) {
           std::uint64_t elements = 1;
           for (const auto& length : value.shape) elements *= std::min(length.value_or(3), kMost);
           return value.shape.size() < 7 && elements < kMost;
         });
}

/// What is computed, or why it cannot be.
void try_run(const Graph& graph) {
  if (!is_small(graph)) return;
  std::map<ValueId, GraphTensor> given;
  const auto give = [&](ValueId id) {
    GraphTensor tensor;
    tensor.dtype = graph.values[id].dtype;
    for (const auto& length : graph.values[id].shape) tensor.shape.push_back(length.value_or(3));
    tensor.values.resize(element_count(tensor.shape).value(), 1);
    given.emplace(id, std::move(tensor));
  };
  for (const ValueId id : graph.inputs) give(id);
  for (const GraphParameter& parameter : graph.parameters) give(parameter.value);
  try {
    const auto outputs = run_graph(graph, given);
    fuzz::require(outputs.size() == graph.outputs.size(), "every output is computed");
    for (const GraphTensor& output : outputs)
      fuzz::require(output.values.size() == element_count(output.shape), "a tensor is whole");
  } catch (const Error& error) {
    fuzz::require(error.where() == "fuzz.pt2" || error.where().empty(), "an error has its place");
  }
}

/// False: it is refused.
bool try_archive(Bytes file) {
  try {
    const Graph graph = read_pt2(file, "fuzz.pt2");
    fuzz::GraphChecker(graph).check();
    fuzz::require(!graph_text(graph).empty(), "a graph has a text");
    try_run(graph);
    return true;
  } catch (const Error& error) {
    fuzz::require(error.where() == "fuzz.pt2", "an error has its place");
    return false;
  }
}

/// Where the texts and numbers of JSON stand, roughly: anything in quotes, any digits.
std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '"') {
      end = text.find('"', end);
      if (end == std::string_view::npos) break;
      tokens.push_back(text.substr(at, ++end - at));
    } else if (std::isdigit(static_cast<unsigned char>(text[at])) != 0) {
      while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
      tokens.push_back(text.substr(at, end - at));
    }
    at = end;
  }
  return tokens;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file = fuzz::bytes_of(data, size);
  if (try_archive(file)) fuzz::try_others(file, tokens_of(as_text(file)), try_archive);
  return 0;
}
