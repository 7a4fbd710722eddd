#include "mgit/format.h"
#include "mgit/graph.h"

namespace mgit {

namespace {

std::string shape_of(const GraphValue& value) {
  std::string text;
  for (const auto& length : value.shape)
    text += (text.empty() ? "" : ",") + (length ? std::to_string(*length) : "?");
  return std::string(dtype_name(value.dtype)) + "[" + text + "]";
}

/// Writes arguments of one graph.
struct ArgumentText {
  const Graph& graph;

  std::string operator()(std::monostate) const { return "none"; }
  std::string operator()(ValueId id) const { return "%" + quote_name(graph.values[id].name); }
  std::string operator()(const std::optional<ValueId>& id) const {
    return id ? (*this)(*id) : "none";
  }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return fmt::format("{:#}", value); }
  std::string operator()(const std::string& value) const { return "\"" + value + "\""; }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    std::string text;
    for (const T& each : values) text += (text.empty() ? "" : ", ") + (*this)(each);
    return "[" + text + "]";
  }
};

std::string node_text(const Graph& graph, const GraphNode& node) {
  std::string text;
  for (const ValueId id : node.outputs)
    text += fmt::format("{}%{} {}", text.empty() ? "" : ", ", quote_name(graph.values[id].name),
                        shape_of(graph.values[id]));
  text += fmt::format(" = {}{}{}(", node.op, node.overload.empty() ? "" : ".", node.overload);
  bool first = true;
  for (const auto& [name, argument] : node.arguments) {
    text +=
        fmt::format("{}{}={}", first ? "" : ", ", name, std::visit(ArgumentText{graph}, argument));
    first = false;
  }
  return text + ")" + (node.module.empty() ? "" : " in " + quote_name(node.module));
}

}  // namespace

std::string graph_text(const Graph& graph) {
  const auto value = [&](ValueId id) {
    return "%" + quote_name(graph.values[id].name) + " " + shape_of(graph.values[id]);
  };
  std::string text;
  for (const ValueId id : graph.inputs) text += "input " + value(id) + "\n";
  for (const GraphParameter& parameter : graph.parameters)
    text +=
        fmt::format("parameter {} = {}\n", value(parameter.value), quote_name(parameter.tensor));
  for (const auto& [id, constant] : graph.constants)
    text += fmt::format("constant {} = {} bytes of {}\n", value(id), constant.data->size(),
                        quote_name(constant.info.name));
  for (const GraphNode& node : graph.nodes) text += node_text(graph, node) + "\n";
  for (const ValueId id : graph.outputs) text += "output " + value(id) + "\n";
  return text;
}

}  // namespace mgit
