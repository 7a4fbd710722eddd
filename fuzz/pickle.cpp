// Pickles: a tree of nodes that are there, whose texts lie in the pickle, and the tensors in it.
#include "format/pickle.h"

#include <functional>

#include "format/torch_tree.h"
#include "fuzz.h"

namespace {

using namespace mgit;

constexpr StoragePlace kPlace{0, 4096};

void check_text(Bytes bytes, std::string_view text) {
  const std::less_equal<const char*> before;
  const std::string_view all = as_text(bytes);
  fuzz::require(text.empty() || (before(all.data(), text.data()) &&
                                 before(text.data() + text.size(), all.data() + all.size())),
                "a text lies in the pickle");
}

void check_nodes(Bytes bytes, const pickle::Pickle& pickle) {
  fuzz::require(pickle.length <= bytes.size(), "a pickle lies in the file");
  fuzz::require(pickle.root < pickle.nodes.size(), "there is a root");
  for (const pickle::Node& node : pickle.nodes) {
    check_text(bytes, node.text);
    check_text(bytes, node.name);
    for (const pickle::NodeId item : node.items)
      fuzz::require(item < pickle.nodes.size(), "an item is a node");
    fuzz::require(node.given.size() % 2 == 0, "what is given is a key and a value");
    for (const pickle::NodeId item : node.given)
      fuzz::require(
          item < pickle.nodes.size() || item == pickle::kAppended || item == pickle::kState,
          "what is given is a node");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = fuzz::bytes_of(data, size);
  try {
    const pickle::Pickle pickle = pickle::read_pickle(bytes);
    check_nodes(bytes, pickle);
    const auto anywhere = [](const TorchStorage&) { return std::optional(kPlace); };
    for (const StoredTensor& tensor : torch_tensors(pickle, anywhere, kPlace.length))
      fuzz::require(tensor.offset + tensor.length <= kPlace.length, "a tensor lies in its storage");
  } catch (const CorruptError&) {
  }
  return 0;
}
