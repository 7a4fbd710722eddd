// Running graphs on LibTorch, operator by operator.
//
// Each node is a call of an ATen operator by its name, so values inside the network can be looked
// at and nodes replaced while it runs. Numbers that are computed on the way (sizes) are tensors of
// rank 0. Operators that this LibTorch lacks are composed of others, or computed in float64 as
// run_graph() does (graph/run_node.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eval/torch_tensor.h"
#include "eval/weight_slots.h"
#include "mgit/graph.h"

namespace mgit {

/// A run in progress, as hooks see it.
class GraphRun {
 public:
  virtual ~GraphRun() = default;
  virtual const Graph& graph() const = 0;
  /// A parameter, a constant, an input, or what a node made; values that no node to come needs are
  /// gone. Throws Error for one that is not there.
  virtual const TorchTensor& value(ValueId id) const = 0;
  /// What a node gives on the values that there are: a node of the graph, or one made of it, with
  /// other arguments. As many results as it has outputs.
  virtual std::vector<TorchTensor> compute(const GraphNode& node) = 0;
};

/// What is done besides computing. What they throw ends the run and is thrown.
struct RunHooks {
  /// Called before node number `node` would run. Outputs that it returns, as many as the node has,
  /// stand for the node's; nullopt: it runs.
  std::function<std::optional<std::vector<TorchTensor>>(std::size_t node, GraphRun& run)> instead{};
  /// Called with every value that a node gave, when it has: the node's outputs in their order.
  std::function<void(ValueId id, const TorchTensor& value)> computed{};
};

/// A batch norm node with the statistics of what it is given instead of the running ones: to be
/// computed in its place. nullopt: the node is no batch norm (or instance norm with running
/// statistics).
std::optional<GraphNode> with_batch_statistics(const GraphNode& node);

class GraphRunner {
 public:
  /// A graph as read_pt2 gives it, read_torchscript, or read_onnx with own_initializers or
  /// bind_initializers. `initializers`, borrowed, are the tensors of an ONNX file: constants of it
  /// that a checkpoint lacks are taken from there. Opens the plugin.
  explicit GraphRunner(Graph graph, const TensorSource* initializers = nullptr);

  const Graph& graph() const { return graph_; }

  /// Tensors go to parameters by their names, converted to the dtypes that the graph has. Names of
  /// a graph may have a wrapper's in front of them. Throws Error naming the first tensor that is
  /// missing, unknown or of another shape, or differs from one with which it is tied; then run() is
  /// not called before this succeeds.
  void set_weights(const TensorSource& weights);
  /// Runs to come can be differentiated by the weights that are real numbers. By the tensors' names
  /// in the checkpoint: of those that are tied in the graph, one; no running statistics.
  std::map<std::string, TorchTensor> watch_weights();
  /// What the graph's names have in front of the checkpoint's: "m." or "".
  const std::string& prefix() const { return prefix_; }

  using Inputs = std::map<ValueId, TorchTensor>;
  /// Computes `wanted` and nothing that they do not need, in the order of the graph; values are
  /// dropped after their last use. Inputs and what operators give are brought to the graph's
  /// dtypes. Throws Error that names the operator and its module, before anything is computed for
  /// one that cannot be run: none of ATen's, or none that mgit knows to compute and to do no more
  /// than that; for values that are not of the graph's shapes, too.
  std::vector<TorchTensor> run(const Inputs& inputs, const std::vector<ValueId>& wanted,
                               const RunHooks& hooks = {});

  /// The value that a module returned: the last output of its last node, or of a module's inside of
  /// it. nullopt: no node is said to be of it. `module` with the graph's prefix.
  std::optional<ValueId> returned_by(const std::string& module) const;

 private:
  struct Plan;
  class Run;
  const Plan& plan(const std::vector<ValueId>& wanted);

  Graph graph_;
  const TensorSource* initializers_;
  std::vector<WeightSlot> slots_;
  std::string prefix_;
  bool watched_ = false;
  std::map<ValueId, TorchTensor> constants_;
  std::map<ValueId, TorchTensor> weights_;
  std::map<std::vector<ValueId>, std::shared_ptr<const Plan>> plans_;
};

}  // namespace mgit
