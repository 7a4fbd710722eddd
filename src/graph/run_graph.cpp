#include "graph/run_graph.h"

#include <cmath>
#include <cstring>

#include "graph/interpreter/call.h"
#include "mgit/format.h"

namespace mgit {

namespace {

using interpreter::Array;
using interpreter::Arrays;
using interpreter::Call;
using interpreter::conforming;
using interpreter::find_operator;
using interpreter::Operator;

constexpr std::size_t kMostAlive = std::size_t{1} << 27;

/// Runs the nodes one by one; values are dropped after their last use.
class Run {
 public:
  Run(const Graph& graph, const GivenTensors& given)
      : graph_(graph),
        values_(graph.values.size()),
        given_(graph.values.size(), nullptr),
        made_(graph.values.size(), false),
        last_use_(graph.values.size(), 0) {
    for (const auto& [id, constant] : graph.constants)
      values_[id] = graph_tensor({constant.info.dtype, constant.info.shape, *constant.data});
    for (const auto& [id, tensor] : given) given_.at(id) = tensor;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (const ValueId id : graph.nodes[i].outputs) last_use_[id] = i;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (const auto& [name, argument] : graph.nodes[i].arguments)
        each_value(argument, [&](ValueId id) { last_use_[id] = i; });
    for (const ValueId id : graph.outputs) last_use_[id] = graph.nodes.size();
  }

  std::vector<GraphTensor> outputs() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) step(i);
    std::vector<GraphTensor> result;
    for (const ValueId id : graph_.outputs) result.push_back(value(id));
    return result;
  }

 private:
  template <typename F>
  static void each_value(const Argument& argument, F f) {
    if (const auto* id = std::get_if<ValueId>(&argument)) f(*id);
    if (const auto* ids = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& id : *ids)
        if (id) f(*id);
  }

  const Array& value(ValueId id) const {
    if (given_[id] != nullptr) return *given_[id];
    if (!values_[id])
      throw Error("value " + quote_name(graph_.values[id].name) + " is missing", graph_.source);
    return *values_[id];
  }

  void step(std::size_t index) {
    const GraphNode& node = graph_.nodes[index];
    const Operator op = find_operator(node.op);
    if (op == nullptr) throw Error("operator " + node.op + " cannot be computed", graph_.source);
    try {
      Arrays results = op(Call(node, [this](ValueId id) -> const Array& { return value(id); }));
      interpreter::require(results.size() >= node.outputs.size(), "fewer results than outputs");
      for (std::size_t i = 0; i < node.outputs.size(); ++i)
        set(node.outputs[i], std::move(results[i]));
    } catch (const Error& error) {
      if (!error.where().empty()) throw;
      throw Error(
          fmt::format("operator {}{}: {}", node.op,
                      node.module.empty() ? "" : " in " + quote_name(node.module), error.what()),
          graph_.source);
    }
    for (const auto& [name, argument] : node.arguments)
      each_value(argument, [&](ValueId id) {
        if (last_use_[id] == index) drop(id);
      });
    for (const ValueId id : node.outputs)
      if (last_use_[id] == index) drop(id);
  }

  void set(ValueId id, Array array) {
    const GraphValue& described = graph_.values[id];
    bool fits = array.shape.size() == described.shape.size();
    for (std::size_t i = 0; fits && i < array.shape.size(); ++i)
      fits = !described.shape[i] || *described.shape[i] == array.shape[i];
    if (!fits)
      interpreter::refuse(fmt::format("the result is [{}], which the graph has otherwise",
                                      shape_text(array.shape)));
    made_[id] = true;
    alive_ += array.values.size();
    interpreter::require(alive_ <= kMostAlive, "more numbers than fit into memory");
    values_[id] = conforming(std::move(array), described.dtype);
  }

  void drop(ValueId id) {
    if (!values_[id]) return;
    if (made_[id]) alive_ -= values_[id]->values.size();
    values_[id].reset();
  }

  const Graph& graph_;
  std::vector<std::optional<Array>> values_;
  std::vector<const Array*> given_;
  std::vector<bool> made_;  // by nodes
  std::vector<std::size_t> last_use_;
  std::size_t alive_ = 0;  // numbers in values that nodes made
};

}  // namespace

GraphTensor graph_tensor(const TensorView& tensor) {
  GraphTensor result{tensor.dtype, tensor.shape, {}};
  result.values.resize(interpreter::count(tensor.shape));
  const auto read = [&]<typename T>(T) {
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      T value;
      std::memcpy(&value, tensor.data.data() + i * sizeof(T), sizeof(T));
      result.values[i] = static_cast<double>(value);
    }
  };
  switch (tensor.dtype) {
    case DType::kBool:
    case DType::kU8:
      read(std::uint8_t{});
      break;
    case DType::kI8:
      read(std::int8_t{});
      break;
    case DType::kI16:
      read(std::int16_t{});
      break;
    case DType::kU16:
      read(std::uint16_t{});
      break;
    case DType::kI32:
      read(std::int32_t{});
      break;
    case DType::kU32:
      read(std::uint32_t{});
      break;
    case DType::kI64:
      read(std::int64_t{});
      break;
    case DType::kU64:
      read(std::uint64_t{});
      break;
    default:
      if (!is_arithmetic(tensor.dtype))
        throw Error(
            fmt::format("tensors of dtype {} cannot be computed with", dtype_name(tensor.dtype)));
      to_double(tensor, result.values);
  }
  return result;
}

std::vector<GraphTensor> run_graph_on(const Graph& graph, const GivenTensors& given) {
  return Run(graph, given).outputs();
}

std::vector<GraphTensor> run_graph(const Graph& graph,
                                   const std::map<ValueId, GraphTensor>& given) {
  GivenTensors tensors;
  for (const auto& [id, tensor] : given) tensors.emplace(id, &tensor);
  return run_graph_on(graph, tensors);
}

}  // namespace mgit
