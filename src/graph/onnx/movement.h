// What a graph does to constants by moving numbers alone: slices, concatenation, transposes.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "mgit/graph.h"

namespace mgit::onnx {

/// A tensor of floats in memory, row-major.
struct Numbers {
  Shape shape;
  std::vector<float> values;
};

/// Of a matrix.
Numbers transposed(const Numbers& matrix);

/// Which row of a matrix each row of `rows` is; nullopt if one is none, or several.
std::optional<std::vector<std::uint64_t>> rows_of(const Numbers& matrix, const Numbers& rows);

/// Whether broadcasting gives the other tensor.
bool expands(const Numbers& from, const Numbers& to);

/// Computes values from some that are known. Borrows the graph.
class Movement {
 public:
  Movement(const Graph& graph, std::map<ValueId, Numbers> known);
  /// nullopt: of something that is not known, or with an operator that is not of this kind.
  std::optional<Numbers> evaluate(ValueId value, int depth = 0);

 private:
  std::optional<Numbers> compute(const GraphNode& node, ValueId value, int depth);

  const Graph& graph_;
  std::map<ValueId, Numbers> known_;
  std::map<ValueId, const GraphNode*> makers_;
};

}  // namespace mgit::onnx
