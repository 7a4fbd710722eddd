// Small graphs for tests, node by node.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "mgit/graph.h"

namespace mgit::testing {

/// Builds a Graph and the checkpoint that belongs to it. Values are named after what they are for.
class GraphBuilder {
 public:
  using Arguments = std::vector<std::pair<std::string, Argument>>;
  using Lengths = std::vector<std::optional<std::uint64_t>>;

  ValueId input(Lengths shape, DType dtype = DType::kF32) {
    const ValueId id = value("input", std::move(shape), dtype);
    graph_.inputs.push_back(id);
    return id;
  }
  ValueId parameter(const std::string& name, Shape shape, DType dtype = DType::kF32) {
    const ValueId id = value("p_" + name, Lengths(shape.begin(), shape.end()), dtype);
    graph_.parameters.push_back({id, name});
    network_.push_back({name, dtype, std::move(shape)});
    return id;
  }
  ValueId constant(Shape shape, const std::vector<float>& numbers) {
    const ValueId id = value("c", Lengths(shape.begin(), shape.end()), DType::kF32);
    auto data = std::make_shared<Buffer>(numbers.size() * sizeof(float));
    std::memcpy(data->data(), numbers.data(), data->size());
    graph_.constants[id] = {{"c", DType::kF32, std::move(shape)}, std::move(data)};
    return id;
  }
  std::vector<ValueId> node(const std::string& op, Arguments arguments,
                            const std::vector<Lengths>& shapes) {
    GraphNode node{op, "default", std::move(arguments), {}, "net." + op};
    for (const Lengths& shape : shapes) node.outputs.push_back(value(op, shape, DType::kF32));
    graph_.nodes.push_back(node);
    return node.outputs;
  }
  /// An operator of ATen with one output.
  ValueId op(const std::string& name, Arguments arguments, Lengths shape) {
    return node("aten." + name, std::move(arguments), {std::move(shape)}).front();
  }
  void output(ValueId id) { graph_.outputs.push_back(id); }

  /// "name.weight", "name.bias" and the operator that reads them.
  ValueId linear(const std::string& name, ValueId x, std::uint64_t out) {
    Lengths shape = graph_.values[x].shape;
    const ValueId weight = parameter(name + ".weight", {out, *shape.back()});
    const ValueId bias = parameter(name + ".bias", {out});
    shape.back() = out;
    return op("linear", {{"input", x}, {"weight", weight}, {"bias", bias}}, shape);
  }
  ValueId relu(ValueId x) { return op("relu", {{"self", x}}, graph_.values[x].shape); }
  ValueId add(ValueId a, ValueId b) {
    return op("add", {{"self", a}, {"other", b}}, graph_.values[a].shape);
  }
  ValueId reshape(ValueId x, Lengths shape) {
    return op("reshape", {{"self", x}}, std::move(shape));
  }
  ValueId permute(ValueId x, const std::vector<std::int64_t>& dims) {
    Lengths shape;
    for (const std::int64_t dim : dims)
      shape.push_back(graph_.values[x].shape[static_cast<std::size_t>(dim)]);
    return op("permute", {{"self", x}, {"dims", dims}}, shape);
  }
  /// From a vector per token to [batch, heads, tokens, depth].
  ValueId heads(ValueId x, std::uint64_t count) {
    const Lengths shape = graph_.values[x].shape;
    return permute(reshape(x, {shape[0], shape[1], count, *shape[2] / count}), {0, 2, 1, 3});
  }

  Graph& graph() { return graph_; }
  std::vector<TensorInfo>& network() { return network_; }
  Derivation derive() const { return derive_spec(graph_, network_); }

 private:
  ValueId value(const std::string& name, Lengths shape, DType dtype) {
    graph_.values.push_back(
        {name + "#" + std::to_string(graph_.values.size()), dtype, std::move(shape)});
    return static_cast<ValueId>(graph_.values.size() - 1);
  }

  Graph graph_{.source = "net.pt2",
               .values = {},
               .nodes = {},
               .parameters = {},
               .constants = {},
               .inputs = {},
               .outputs = {}};
  std::vector<TensorInfo> network_;
};

/// What the derived text says of a tensor: "a, b" of "name: a, b".
inline std::string layout_of(const Derivation& derivation, const std::string& tensor) {
  const std::string start = "\n" + tensor + ":";
  const std::size_t at = derivation.spec_text.find(start);
  if (at == std::string::npos) return "no line";
  const std::size_t begin = at + start.size();
  std::string line =
      derivation.spec_text.substr(begin, derivation.spec_text.find('\n', begin) - begin);
  if (line.starts_with(' ')) line.erase(0, 1);
  return line;
}

/// The lines that declare and pin groups.
inline std::vector<std::string> groups_of(const Derivation& derivation) {
  std::vector<std::string> lines;
  const std::string& text = derivation.spec_text;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (line.starts_with("perm ") || line.starts_with("pin ")) lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

}  // namespace mgit::testing
