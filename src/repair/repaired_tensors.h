// Parameters of a graph that a repair gives new values.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "eval/torch_tensor.h"
#include "mgit/graph.h"
#include "mgit/tensor.h"

namespace mgit {

class RepairedTensors {
 public:
  /// Names of the graph begin with `prefix`, those of `merged` do not. Keeps references.
  RepairedTensors(const TensorSource& merged, const Graph& graph, const std::string& prefix);

  /// Rounds the values once, to the dtype that the model has; returns them as the graph takes them.
  /// Throws Error for a parameter that is no tensor of the model, and for another number of values.
  TorchTensor set(ValueId parameter, std::span<const double> values);

  MemoryModel take() { return std::move(changed_); }

 private:
  const TensorSource& merged_;
  const Graph& graph_;
  std::map<ValueId, std::string> names_;
  MemoryModel changed_;
};

}  // namespace mgit
