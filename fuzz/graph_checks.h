// What holds for every graph that a reader gives.
#pragma once

#include "fuzz.h"
#include "mgit/graph.h"

namespace mgit::fuzz {

/// Every value is defined before it is used, and once.
class GraphChecker {
 public:
  explicit GraphChecker(const Graph& graph) : graph_(graph), defined_(graph.values.size(), false) {}

  void check() {
    for (const ValueId id : graph_.inputs) define(id);
    for (const auto& [id, constant] : graph_.constants) {
      define(id);
      require(constant.data->size() == byte_size(constant.info.dtype, constant.info.shape),
              "a constant has the bytes that its shape says");
    }
    std::vector<bool> weights(graph_.values.size(), false);
    for (const GraphParameter& parameter : graph_.parameters) {
      require(parameter.value < weights.size(), "a parameter is a value");
      if (!weights[parameter.value]) define(parameter.value);  // a tied weight has several names
      weights[parameter.value] = true;
    }
    for (const GraphNode& node : graph_.nodes) {
      for (const auto& [name, argument] : node.arguments) use(argument);
      for (const ValueId id : node.outputs) define(id);
    }
    for (const ValueId id : graph_.outputs) use(id);
  }

 private:
  void define(ValueId id) {
    require(id < defined_.size() && !defined_[id], "a value is defined once");
    defined_[id] = true;
  }
  void use(ValueId id) const {
    require(id < defined_.size() && defined_[id], "a value is defined before it is used");
  }
  void use(const Argument& argument) const {
    if (const auto* value = std::get_if<ValueId>(&argument)) use(*value);
    if (const auto* values = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& each : *values)
        if (each) use(*each);
  }

  const Graph& graph_;
  std::vector<bool> defined_;
};

}  // namespace mgit::fuzz
