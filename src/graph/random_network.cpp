#include "graph/random_network.h"

#include <cmath>
#include <cstring>
#include <unordered_set>

#include "base/random.h"
#include "mgit/format.h"

namespace mgit {

namespace {

constexpr std::uint64_t kLength = 3;

/// Parameters that the graph takes for a variance, or the root or logarithm of.
std::unordered_set<ValueId> positive_values(const Graph& graph) {
  static const std::unordered_set<std::string_view> kRoots = {"aten.sqrt", "aten.rsqrt", "aten.log",
                                                              "aten.log2", "aten.log10"};
  std::unordered_set<ValueId> result;
  for (const GraphNode& node : graph.nodes)
    for (const auto& [name, argument] : node.arguments)
      if (const auto* value = std::get_if<ValueId>(&argument))
        if (name == "running_var" || kRoots.contains(node.op)) result.insert(*value);
  return result;
}

Buffer random_data(const Shape& shape, bool positive, Random& random) {
  const std::uint64_t elements = element_count(shape).value_or(0);
  const bool matrix = shape.size() >= 2;
  const double fan = matrix && shape[0] > 0 ? static_cast<double>(elements / shape[0]) : 1;
  Buffer data(elements * sizeof(double));
  for (std::uint64_t i = 0; i < elements; ++i) {
    double value = random.normal();
    value = matrix ? 1.5 * value / std::sqrt(std::max(fan, 1.0)) : 0.5 + 0.5 * value;
    if (positive) value = 0.5 + std::fabs(value);
    std::memcpy(data.data() + i * sizeof(double), &value, sizeof(double));
  }
  return data;
}

std::uint64_t length_of(const GraphValue& value, std::size_t axis, const InputKind& kind) {
  if (kind.length > 0) return kind.length;
  const auto open = value.open.find(axis);
  return open == value.open.end() ? kLength : open->second.example.value_or(kLength);
}

void check_shape(const GraphValue& value, const TensorInfo& info) {
  bool fits = value.shape.size() == info.rank();
  for (std::size_t i = 0; fits && i < info.rank(); ++i)
    fits = !value.shape[i] || *value.shape[i] == info.shape[i];
  if (!fits) throw Error("the graph has it in another shape", info.name);
}

}  // namespace

MemoryModel random_weights(const Graph& graph, const TensorSource& network, Random& random) {
  const std::unordered_set<ValueId> positive = positive_values(graph);
  MemoryModel model;
  std::map<ValueId, Buffer> by_value;
  for (const GraphParameter& parameter : graph.parameters) {
    const TensorInfo* info = network.find(parameter.tensor);
    if (info == nullptr || model.find(parameter.tensor) != nullptr) continue;
    check_shape(graph.values[parameter.value], *info);
    const bool drawn = is_arithmetic(info->dtype);
    auto [place, fresh] = by_value.try_emplace(parameter.value);
    if (fresh && drawn)
      place->second = random_data(info->shape, positive.contains(parameter.value), random);
    if (fresh && !drawn) {
      const Bytes data = network.read(info->name).view.data;
      place->second.assign(data.begin(), data.end());
    }
    model.set({info->name, drawn ? DType::kF64 : info->dtype, info->shape}, place->second);
  }
  for (const GraphParameter& parameter : graph.parameters)
    if (!by_value.contains(parameter.value))
      throw Error("the network lacks tensor " + quote_name(parameter.tensor) + " of the graph",
                  graph.source);
  return model;
}

std::map<ValueId, GraphTensor> random_inputs(const Graph& graph, const InputKind& kind,
                                             Random& random) {
  std::map<ValueId, GraphTensor> result;
  for (const ValueId id : graph.inputs) {
    const GraphValue& value = graph.values[id];
    GraphTensor tensor;
    tensor.dtype = value.dtype;
    for (std::size_t axis = 0; axis < value.shape.size(); ++axis)
      tensor.shape.push_back(value.shape[axis].value_or(length_of(value, axis, kind)));
    const auto elements = element_count(tensor.shape);
    if (!elements || *elements > (std::uint64_t{1} << 26))
      throw Error("input " + quote_name(value.name) + " is too large", graph.source);
    tensor.values.resize(*elements);
    for (double& each : tensor.values) {
      if (value.dtype == DType::kBool)
        each = 1;  // a mask: all is seen
      else if (is_arithmetic(value.dtype))
        each = random.normal();
      else
        each = value.shape.empty() ? static_cast<double>(kind.length > 0 ? kind.length : kLength)
                                   : static_cast<double>(random.below(kind.integers));
    }
    result.emplace(id, std::move(tensor));
  }
  return result;
}

}  // namespace mgit
