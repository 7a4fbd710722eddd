// TorchScript archives: pickles and source text of unknown origin in a zip archive.
//
// Few mutations of bytes leave text that parses. So for each input that is read, others are tried
// in which some words of it stand in the place of others.
#include <cctype>

#include "graph_checks.h"
#include "mgit/graph.h"

namespace {

using namespace mgit;

/// What it allows, or why nothing can be said.
void try_derive(const Graph& graph) {
  std::vector<TensorInfo> network;
  for (const GraphParameter& parameter : graph.parameters) {
    TensorInfo info{parameter.tensor, graph.values[parameter.value].dtype, {}};
    for (const auto& length : graph.values[parameter.value].shape) info.shape.push_back(*length);
    network.push_back(std::move(info));
  }
  try {
    fuzz::require(!derive_spec(graph, network).spec_text.empty(), "a derivation has a spec");
  } catch (const Error& error) {
    fuzz::require(error.where() == "fuzz.pt", "an error has its place");
  }
}

/// False: it is refused.
bool try_archive(Bytes file, const std::vector<GraphInput>& inputs) {
  try {
    const Graph graph = read_torchscript(file, "fuzz.pt", {}, inputs);
    fuzz::GraphChecker(graph).check();
    fuzz::require(!graph_text(graph).empty(), "a graph has a text");
    try_derive(graph);
    return true;
  } catch (const Error& error) {
    fuzz::require(error.where() == "fuzz.pt", "an error has its place");
    return false;
  }
}

/// Names and numbers, and what stands in quotes, from the first class on.
std::vector<std::string_view> words_of(std::string_view text) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  };
  std::vector<std::string_view> words;
  for (std::size_t at = text.find("class "); at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file = fuzz::bytes_of(data, size);
  for (const std::vector<GraphInput>& inputs :
       {std::vector<GraphInput>{}, std::vector<GraphInput>{{DType::kF32, {2, 4}}}})
    if (try_archive(file, inputs))
      fuzz::try_others(file, words_of(as_text(file)),
                       [&](Bytes other) { try_archive(other, inputs); });
  return 0;
}
