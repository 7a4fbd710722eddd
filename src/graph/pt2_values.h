// The values of one torch.export graph: what it says of each name, and which were defined.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "graph/json_fields.h"
#include "mgit/graph.h"

namespace mgit {

/// Makes the values of a Graph; names stay unique where graphs inside graphs use one twice.
class GraphValues {
 public:
  explicit GraphValues(Graph& graph) : graph_(graph) {}
  ValueId add(GraphValue value);
  /// A rank-0 I64 constant; one value for each number.
  ValueId number(std::int64_t number);

 private:
  Graph& graph_;
  std::unordered_map<std::string, std::uint32_t> taken_;
  std::unordered_map<std::int64_t, ValueId> numbers_;
};

/// The names of one graph of the file. Throws CorruptError for a name that is used before it is
/// defined, defined twice, or not described.
class Pt2Names {
 public:
  Pt2Names(const fields::JsonValue& graph, GraphValues& values) : graph_(graph), values_(values) {}

  ValueId define(const std::string& name);
  /// The name of a value that exists already: an operand or a result of a graph inside a node.
  void bind(const std::string& name, ValueId value);
  ValueId use(const std::string& name) const;

 private:
  GraphValue described(const std::string& name) const;

  const fields::JsonValue& graph_;
  GraphValues& values_;
  std::unordered_map<std::string, ValueId> defined_;
};

}  // namespace mgit
