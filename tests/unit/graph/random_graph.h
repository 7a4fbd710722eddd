// Random networks over many operators, sensible and not, for deriving and proving.
#pragma once

#include <map>
#include <random>

#include "graph/run_graph.h"
#include "unit/graph/graph_builder.h"

namespace mgit::testing {

/// The first and the last seed; MGIT_SEEDS ("FIRST-LAST") for other ones.
std::pair<std::uint64_t, std::uint64_t> seeds_or(std::uint64_t first, std::uint64_t last);

/// A network that reads one tensor and ends in three numbers for each of a batch. Every tensor that
/// is computed has a part in them.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed);

  const Graph& graph() const { return graph_; }
  const std::vector<TensorInfo>& network() const { return network_; }
  /// The operators, in order: what a failure is told by.
  std::string recipe() const;

 private:
  struct Value {
    ValueId id = 0;
    Shape shape;  // axis 0 is the batch
    bool used = false;
  };
  using Step = bool (RandomGraph::*)();  // false: it does not fit

  std::size_t below(std::size_t bound) { return random_() % bound; }
  Value& any() { return pool_[below(pool_.size())]; }
  /// nullptr: there is none of this rank.
  Value* any_of_rank(std::size_t rank);
  std::size_t hidden_axis(const Value& value) { return 1 + below(value.shape.size() - 1); }
  std::string name() { return "t" + std::to_string(network_count_++); }
  ValueId parameter(Shape shape) { return builder_.parameter(name(), std::move(shape)); }
  static GraphBuilder::Lengths open(const Shape& shape) { return {shape.begin(), shape.end()}; }
  bool add(const std::string& op, GraphBuilder::Arguments arguments, Shape shape,
           std::initializer_list<ValueId> of);

  bool linear();
  bool shared_linear();
  bool activation();
  bool sum();
  bool vector();
  bool constant();
  bool norm();
  bool batch_norm();
  bool group_norm();
  bool split_axis();
  bool merge_axes();
  bool permute();
  bool concatenate();
  bool part();
  bool reduce();
  bool order();
  bool softmax();
  bool convolution();
  bool depthwise();
  bool pool();
  bool shuffle();
  bool product();
  bool attention();
  bool repeat();
  bool padding();
  bool recurrent();
  bool gate();
  void finish();

  std::mt19937_64 random_;
  GraphBuilder builder_;
  std::vector<Value> pool_;
  std::vector<std::pair<ValueId, Shape>> matrices_;
  std::size_t network_count_ = 0;
  Graph graph_;
  std::vector<TensorInfo> network_;
};

/// Numbers for the inputs and parameters of a graph; variances are positive.
std::map<ValueId, GraphTensor> drawn_numbers(const Graph& graph, std::uint64_t seed);

/// Whether two results of a graph are equal but for rounding.
bool near(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace mgit::testing
