// Several sets of weights run on the same data, side by side, through one graph, node by node.
//
// What a network has computed up to a place is kept for every batch, so that each node runs once
// however often the walk stops; what no node to come needs is dropped. Memory is bounded: where it
// would not do for all batches, the walk goes on with the first ones.
#pragma once

#include <map>
#include <vector>

#include "eval/graph_runner.h"

namespace mgit {

class Walk {
 public:
  using Values = std::map<ValueId, TorchTensor>;

  /// One network on its way.
  struct Network {
    Values parameters;
    std::vector<Values> batches;  // by batch: values that nodes to come need
  };

  /// `networks` have parameters; their batches hold the inputs. Nodes from `end` on are never run.
  /// `memory`: bytes that values may take up, of all networks together.
  Walk(const Graph& graph, std::vector<Network> networks, std::size_t end, std::size_t memory);

  std::size_t networks() const { return networks_.size(); }
  std::size_t batches() const { return networks_.front().batches.size(); }
  /// Where the walk is: nodes before it have run.
  std::size_t place() const { return place_; }

  /// Runs all nodes before `node`. Fewer batches may be left.
  void advance(std::size_t node);
  /// A value of a batch that nodes to come need. Throws Error for another one.
  const TorchTensor& value(std::size_t network, std::size_t batch, ValueId id) const;
  /// Nodes from here on, before another one, to be run without going there.
  class Ahead {
   public:
    std::vector<TorchTensor> run(std::size_t network, std::size_t batch,
                                 const std::vector<ValueId>& wanted);

   private:
    friend class Walk;
    Ahead(const Walk& walk, std::size_t node)
        : walk_(walk), runner_(walk.segment(walk.place_, node)) {}

    const Walk& walk_;
    GraphRunner runner_;
  };
  Ahead ahead(std::size_t node) const { return {*this, node}; }

  const TorchTensor& parameter(std::size_t network, ValueId id) const;
  /// For nodes that have not run.
  void set_parameter(std::size_t network, ValueId id, TorchTensor value);

 private:
  /// Nodes [begin, end), with all that they are given as inputs.
  GraphRunner segment(std::size_t begin, std::size_t end) const;
  /// Values made or given before `node` that nodes from there on need.
  std::vector<ValueId> needed_from(std::size_t node) const;
  void keep_batches(std::size_t count);

  const Graph& graph_;
  std::vector<Network> networks_;
  std::size_t end_;
  std::size_t memory_;
  std::size_t place_ = 0;
  std::vector<std::size_t> made_;      // by value: after how many nodes it is there
  std::vector<std::size_t> last_use_;  // by value: after how many nodes nothing needs it
};

}  // namespace mgit
