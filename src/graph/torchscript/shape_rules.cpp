// The shapes of results, by operator: of those that are costly to run, and of the commonest.
#include <cmath>

#include "graph/torchscript/shape_rules.h"

namespace mgit::torchscript {

namespace {

using interpreter::Call;
using interpreter::require;

Shape of(const Call& call, std::string_view name) { return call.tensor(name).shape; }

Shapes broadcast_all(const Call& call) {
  Shape shape;
  for (const auto& [name, argument] : call.node().arguments)
    if (std::holds_alternative<ValueId>(argument))
      shape = interpreter::broadcast(shape, of(call, name));
  return {shape};
}

Shapes same(const Call& call) {
  for (const auto& [name, argument] : call.node().arguments)
    if (std::holds_alternative<ValueId>(argument)) return {of(call, name)};
  interpreter::refuse("it has no tensor");
}

Shape product_of(Shape a, Shape b) {
  require(!a.empty() && !b.empty(), "a product of single numbers");
  const bool row = a.size() == 1;
  const bool column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  require(a.back() == b[b.size() - 2], "a product of other lengths");
  Shape shape = interpreter::broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!row) shape.push_back(a[a.size() - 2]);
  if (!column) shape.push_back(b.back());
  return shape;
}

Shapes matmul(const Call& call) { return {product_of(of(call, "self"), of(call, "other"))}; }
Shapes mm(const Call& call) { return {product_of(of(call, "self"), of(call, "mat2"))}; }
Shapes addmm(const Call& call) { return {product_of(of(call, "mat1"), of(call, "mat2"))}; }
Shapes baddbmm(const Call& call) { return {product_of(of(call, "batch1"), of(call, "batch2"))}; }

Shapes linear(const Call& call) {
  Shape shape = of(call, "input");
  const Shape weight = of(call, "weight");
  require(!shape.empty() && weight.size() == 2 && shape.back() == weight[1],
          "weights for inputs of another length");
  shape.back() = weight[0];
  return {shape};
}

Shapes embedding(const Call& call) {
  Shape shape = of(call, "indices");
  const Shape weight = of(call, "weight");
  require(weight.size() == 2, "a table that is no matrix");
  shape.push_back(weight[1]);
  return {shape};
}

Shapes attention(const Call& call) {
  const Shape query = of(call, "query");
  const Shape value = of(call, "value");
  require(query.size() >= 2 && value.size() >= 2, "attention over no sequence");
  Shape shape = query;
  shape.back() = value.back();
  return {shape};
}

/// Those that a recurrent layer begins with.
Shapes states_of(const Call& call, bool two) {
  if (!two) return {of(call, "hx")};
  Shapes shapes;
  for (const interpreter::Array* each : call.tensors("hx")) {
    require(each != nullptr, "None among the states");
    shapes.push_back(each->shape);
  }
  require(shapes.size() == 2, "other states than there are");
  return shapes;
}

Shapes recurrent(const Call& call) {
  Shapes states = states_of(call, call.node().op == "aten.lstm");
  Shape shape = of(call, "input");
  require(!shape.empty() && !states[0].empty(), "a state of no units");
  shape.back() = states[0].back() * (call.flag("bidirectional", false) ? 2 : 1);
  states.insert(states.begin(), shape);
  return states;
}

Shapes transposed(const Call& call) {
  Shape shape = of(call, "self");
  if (shape.size() == 2) std::swap(shape[0], shape[1]);
  require(shape.size() <= 2, "more than two axes");
  return {shape};
}

Shapes reshaped(const Call& call) {
  const Shape from = of(call, "self");
  const std::size_t elements = interpreter::count(from);
  Shape shape = interpreter::resolved(
      call.integers(call.node().find("size") != nullptr ? "size" : "shape"), elements);
  require(interpreter::count(shape) == elements, "a shape of another number of elements");
  return {shape};
}

/// Of one step: the new states.
Shapes recurrent_cell(const Call& call) {
  return states_of(call, call.node().op == "aten.lstm_cell");
}

/// Of an equation with all axes named, the result's as well.
Shapes einsum(const Call& call) {
  const std::string equation = call.text("equation", "");
  const std::size_t arrow = equation.find("->");
  if (arrow == std::string::npos || equation.find('.') != std::string::npos) return {};
  std::map<char, std::uint64_t> lengths;
  std::size_t at = 0;
  for (const interpreter::Array* operand : call.tensors("tensors")) {
    require(operand != nullptr, "None in a list of tensors");
    for (const std::uint64_t length : operand->shape) {
      while (at < arrow && equation[at] == ' ') ++at;
      require(at < arrow && equation[at] != ',', "fewer names than axes");
      std::uint64_t& known = lengths.try_emplace(equation[at++], length).first->second;
      require(known == length || known == 1 || length == 1, "axes of one name and other lengths");
      known = std::max(known, length);
    }
    while (at < arrow && equation[at] == ' ') ++at;
    require(at == arrow || equation[at] == ',', "more names than axes");
    if (at < arrow) ++at;
  }
  Shape shape;
  for (std::size_t i = arrow + 2; i < equation.size(); ++i) {
    if (equation[i] == ' ') continue;
    require(lengths.contains(equation[i]), "an axis that no tensor has");
    shape.push_back(lengths.at(equation[i]));
  }
  return {shape};
}

Shapes sized(const Call& call) { return {interpreter::resolved(call.integers("size"), 0)}; }

const ShapeRules& rules() {
  static const auto kRules = [] {
    ShapeRules table = {
        {"matmul", matmul},
        {"mm", mm},
        {"bmm", mm},
        {"addmm", addmm},
        {"baddbmm", baddbmm},
        {"linear", linear},
        {"embedding", embedding},
        {"scaled_dot_product_attention", attention},
        {"lstm", recurrent},
        {"gru", recurrent},
        {"rnn_tanh", recurrent},
        {"rnn_relu", recurrent},
        {"t", transposed},
        {"view", reshaped},
        {"reshape", reshaped},
        {"einsum", einsum},
        {"rand", sized},
        {"randn", sized},
        {"lstm_cell", recurrent_cell},
        {"gru_cell", recurrent_cell},
        {"rnn_tanh_cell", recurrent_cell},
        {"rnn_relu_cell", recurrent_cell},
    };
    for (const char* op : {"add",
                           "sub",
                           "mul",
                           "div",
                           "rsub",
                           "subtract",
                           "multiply",
                           "divide",
                           "true_divide",
                           "floor_divide",
                           "remainder",
                           "fmod",
                           "pow",
                           "eq",
                           "ne",
                           "lt",
                           "le",
                           "gt",
                           "ge",
                           "maximum",
                           "minimum",
                           "cross",
                           "linalg_cross",
                           "where",
                           "addcmul",
                           "addcdiv",
                           "lerp",
                           "logical_and",
                           "logical_or",
                           "logical_xor",
                           "__and__",
                           "__or__",
                           "__xor__",
                           "bitwise_and",
                           "bitwise_or",
                           "bitwise_xor",
                           "atan2",
                           "clamp",
                           "masked_fill",
                           "fmax",
                           "fmin",
                           "greater",
                           "greater_equal",
                           "less",
                           "less_equal",
                           "not_equal",
                           "copysign",
                           "xlogy",
                           "polar",
                           "complex"})
      table.emplace(op, broadcast_all);
    for (const char* op : {"abs",
                           "alias",
                           "alpha_dropout",
                           "batch_norm",
                           "ceil",
                           "celu",
                           "clamp_max",
                           "clamp_min",
                           "clone",
                           "contiguous",
                           "copy",
                           "cos",
                           "cumsum",
                           "cumprod",
                           "detach",
                           "dropout",
                           "elu",
                           "erf",
                           "exp",
                           "expm1",
                           "feature_alpha_dropout",
                           "feature_dropout",
                           "fill",
                           "floor",
                           "full_like",
                           "gelu",
                           "group_norm",
                           "hardsigmoid",
                           "hardswish",
                           "hardtanh",
                           "instance_norm",
                           "layer_norm",
                           "leaky_relu",
                           "lift_fresh",
                           "log",
                           "log1p",
                           "log_sigmoid",
                           "log_softmax",
                           "logical_not",
                           "mish",
                           "neg",
                           "ones_like",
                           "prelu",
                           "reciprocal",
                           "relu",
                           "relu6",
                           "rms_norm",
                           "round",
                           "rsqrt",
                           "selu",
                           "sigmoid",
                           "sign",
                           "silu",
                           "sin",
                           "softmax",
                           "softplus",
                           "sqrt",
                           "square",
                           "tanh",
                           "to",
                           "tril",
                           "triu",
                           "type_as",
                           "zero",
                           "zeros_like",
                           "index_put",
                           "scatter",
                           "scatter_add",
                           "index_fill",
                           "empty_like",
                           "acosh",
                           "asinh",
                           "atanh",
                           "bernoulli",
                           "logcumsumexp",
                           "logit",
                           "nan_to_num",
                           "negative",
                           "rand_like",
                           "randn_like",
                           "real",
                           "imag"})
      table.emplace(op, same);
    return table;
  }();
  return kRules;
}

}  // namespace

ShapeRule find_shape_rule(std::string_view op) {
  for (const auto* table : {&rules(), &spatial_shape_rules(), &moving_shape_rules()})
    if (const auto found = table->find(op); found != table->end()) return found->second;
  return nullptr;
}

}  // namespace mgit::torchscript
