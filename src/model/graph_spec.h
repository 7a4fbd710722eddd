// The spec of a model from the graph of its network.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mgit/graph.h"
#include "mgit/workspace.h"

namespace mgit {

/// Does a file begin as those with a graph do? A spec, which is text, does not.
bool is_graph(Bytes file);

/// Inputs of a network in words: "1x3x32x32", or "I64:1x16,F32:1x4,=5" for three, the first of
/// integers and the last a number. Throws Error.
std::vector<GraphInput> parse_inputs(const std::string& text);

/// A file with the graph of a network: what torch.export saved, an ONNX model, or a TorchScript
/// archive, which is read once weights are given. Borrows the bytes.
class GraphFile {
 public:
  /// `inputs`: what a TorchScript archive is run on, instead of what it was traced with.
  GraphFile(Bytes file, const std::string& path, std::vector<GraphInput> inputs = {});

  /// With parameters that are tensors of these weights. Reads the weights of an ONNX model, and
  /// throws Error where they are not those that it was exported from.
  Graph of(const TensorSource& weights) const;
  /// Whether weights are told by their contents, not by their names alone.
  bool needs_weights() const { return initializers_ != nullptr; }

 private:
  Graph graph_;
  std::unique_ptr<TensorSource> initializers_;  // of an ONNX model
  Bytes script_;  // a TorchScript archive, read when weights are known
  std::string path_;
  std::vector<GraphInput> inputs_;
};

/// What a graph allows, and the prefix of the weights in the file that it speaks of.
struct ModelDerivation {
  Derivation derivation;
  Graph graph;  // its parameters have the names of those weights
  Spec spec;    // bound to them; its proof is kAlgebraic
  std::string prefix;
};

/// Derives from the graph for the file, or for the weights in it where the file holds more.
/// `repository` may be null. Throws Error where the graph is that of another network.
ModelDerivation derive_model(const GraphFile& file, const Workspace* repository,
                             const std::optional<Oid>& commit, const std::string& path,
                             const TensorSource& model);

/// In words why nothing of a network can be reordered: the first pins.
std::string describe_pins(const Derivation& derivation);

}  // namespace mgit
