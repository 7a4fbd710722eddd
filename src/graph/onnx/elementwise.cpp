// Functions of one element at a time, and constants.
#include <array>
#include <cmath>
#include <unordered_map>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

bool is_real(DType dtype) { return is_arithmetic(dtype); }

const std::unordered_map<std::string_view, std::string_view> kUnary = {
    {"Abs", "abs"},
    {"Acos", "acos"},
    {"Acosh", "acosh"},
    {"Asin", "asin"},
    {"Asinh", "asinh"},
    {"Atan", "atan"},
    {"Atanh", "atanh"},
    {"BitwiseNot", "bitwise_not"},
    {"Ceil", "ceil"},
    {"Cos", "cos"},
    {"Cosh", "cosh"},
    {"Erf", "erf"},
    {"Exp", "exp"},
    {"Floor", "floor"},
    {"HardSwish", "hardswish"},
    {"IsNaN", "isnan"},
    {"Log", "log"},
    {"Mish", "mish"},
    {"Neg", "neg"},
    {"Not", "logical_not"},
    {"Reciprocal", "reciprocal"},
    {"Relu", "relu"},
    {"Round", "round"},
    {"Sigmoid", "sigmoid"},
    {"Sign", "sign"},
    {"Sin", "sin"},
    {"Sinh", "sinh"},
    {"Softplus", "softplus"},
    {"Sqrt", "sqrt"},
    {"Tan", "tan"},
    {"Tanh", "tanh"}};

const std::unordered_map<std::string_view, std::string_view> kBinary = {
    {"Add", "add"},
    {"And", "logical_and"},
    {"BitwiseAnd", "bitwise_and"},
    {"BitwiseOr", "bitwise_or"},
    {"BitwiseXor", "bitwise_xor"},
    {"Equal", "eq"},
    {"Greater", "gt"},
    {"GreaterOrEqual", "ge"},
    {"Less", "lt"},
    {"LessOrEqual", "le"},
    {"Mul", "mul"},
    {"Or", "logical_or"},
    {"Sub", "sub"},
    {"Xor", "logical_xor"}};

bool is_question(std::string_view op) {
  return op == "Equal" || op.starts_with("Greater") || op.starts_with("Less") || op == "And" ||
         op == "Or" || op == "Xor" || op == "Not" || op == "IsNaN";
}

/// An elementwise operator on the first input.
void one(Operator& op, const std::string& name, Arguments more = {}) {
  Arguments arguments = {{"self", op.id(0)}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  op.result(name, std::move(arguments), op.shape(0),
            is_question(op.node.op) ? DType::kBool : op.dtype(0));
}

void unary(Operator& op) { one(op, std::string(kUnary.at(op.node.op))); }

/// Up to version 6 the second operand's axes could be told by an attribute.
void check_broadcast(Operator& op) { require(!op.given("broadcast") && !op.given("axis")); }

void binary(Operator& op) {
  check_broadcast(op);
  const ValueId a = op.id(0);
  const ValueId b = op.id(1);
  op.result(std::string(kBinary.at(op.node.op)), {{"self", a}, {"other", b}},
            op.broadcast(op.shape(0), op.shape(1)),
            is_question(op.node.op) ? DType::kBool : op.dtype(0));
}

void divide(Operator& op) {
  check_broadcast(op);
  Arguments arguments = {{"self", op.id(0)}, {"other", op.id(1)}};
  if (!is_real(op.dtype(0))) arguments.emplace_back("rounding_mode", std::string("trunc"));
  op.result("div", std::move(arguments), op.broadcast(op.shape(0), op.shape(1)), op.dtype(0));
}

void power(Operator& op) {
  const auto exponent = op.build.scalar(op.input(1));
  Arguments arguments = {{"self", op.id(0)}};
  if (exponent)
    arguments.emplace_back("exponent", *exponent);
  else
    arguments.emplace_back("exponent", op.id(1));
  op.result("pow", std::move(arguments), op.broadcast(op.shape(0), op.shape(1)), op.dtype(0));
}

void modulo(Operator& op) {
  op.result(op.number("fmod", 0) != 0 ? "fmod" : "remainder",
            {{"self", op.id(0)}, {"other", op.id(1)}}, op.broadcast(op.shape(0), op.shape(1)),
            op.dtype(0));
}

/// Max, Min, Sum, Mean of any number of operands.
void variadic(Operator& op, const std::string& name) {
  Value sum = op.input(0);
  for (std::size_t i = 1; i < op.inputs.size(); ++i) {
    const Sizes shape = op.broadcast(*sum.shape, op.shape(i));
    sum = op.emit(name, {{"self", op.build.id(sum)}, {"other", op.id(i)}}, shape, op.dtype(0));
  }
  op.outputs = {std::move(sum)};
}

void maximum(Operator& op) { variadic(op, "maximum"); }
void minimum(Operator& op) { variadic(op, "minimum"); }
void sum(Operator& op) { variadic(op, "add"); }
void mean(Operator& op) {
  variadic(op, "add");
  Value all = op.outputs.front();
  op.result("div", {{"self", op.build.id(all)}, {"other", static_cast<double>(op.inputs.size())}},
            *all.shape, all.dtype);
}

void where(Operator& op) {
  const Sizes shape = op.broadcast(op.broadcast(op.shape(0), op.shape(1)), op.shape(2));
  op.result("where", {{"condition", op.id(0)}, {"self", op.id(1)}, {"other", op.id(2)}}, shape,
            op.dtype(1));
}

void same(Operator& op) { op.outputs = {op.input(0)}; }

void dropout(Operator& op) {
  if (op.has(2))
    require(op.build.scalar(op.input(2)) == 0.0 || op.input(2).numbers == Sizes{{0, 0}});
  same(op);
}

void convert(Operator& op, DType dtype) {
  if (op.dtype(0) == dtype) return same(op);
  op.result("to", {{"self", op.id(0)}, {"dtype", std::string(dtype_name(dtype))}}, op.shape(0),
            dtype);
}

void cast(Operator& op) {
  const DType dtype = dtype_of(op.number("to", 0));
  require(dtype != DType::kBytes);
  convert(op, dtype);
}

void cast_like(Operator& op) { convert(op, op.dtype(1)); }

void leaky_relu(Operator& op) {
  one(op, "leaky_relu", {{"negative_slope", op.real("alpha", 0.01F)}});
}

void elu(Operator& op) { one(op, "elu", {{"alpha", op.real("alpha", 1)}}); }

void selu(Operator& op) {
  one(op, "elu",
      {{"alpha", op.real("alpha", 1.67326319217681884765625)},
       {"scale", op.real("gamma", 1.05070102214813232421875)}});
}

void celu(Operator& op) { one(op, "celu", {{"alpha", op.real("alpha", 1)}}); }

void threshold(Operator& op) {
  one(op, "threshold", {{"threshold", op.real("alpha", 1)}, {"value", 0.0}});
}

void hard_sigmoid(Operator& op) {
  const double alpha = op.real("alpha", 0.2F);
  const double beta = op.real("beta", 0.5F);
  if (std::abs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) return one(op, "hardsigmoid");
  Value scaled = op.emit("mul", {{"self", op.id(0)}, {"other", alpha}}, op.shape(0), op.dtype(0));
  Value moved =
      op.emit("add", {{"self", op.build.id(scaled)}, {"other", beta}}, op.shape(0), op.dtype(0));
  op.result("clamp", {{"self", op.build.id(moved)}, {"min", 0.0}, {"max", 1.0}}, op.shape(0),
            op.dtype(0));
}

void softsign(Operator& op) {
  Value length = op.emit("abs", {{"self", op.id(0)}}, op.shape(0), op.dtype(0));
  Value more =
      op.emit("add", {{"self", op.build.id(length)}, {"other", 1.0}}, op.shape(0), op.dtype(0));
  op.result("div", {{"self", op.id(0)}, {"other", op.build.id(more)}}, op.shape(0), op.dtype(0));
}

void gelu(Operator& op) { one(op, "gelu", {{"approximate", op.text("approximate", "none")}}); }

void swish(Operator& op) {
  require(op.real("alpha", 1) == 1);
  one(op, "silu");
}

void shrink(Operator& op) {
  const double bias = op.real("bias", 0);
  const double lambda = op.real("lambd", 0.5);
  require(bias == 0 || bias == lambda);
  one(op, bias == 0 ? "hardshrink" : "softshrink", {{"lambd", lambda}});
}

/// A bound that stands in an attribute or in an input.
void add_bound(Operator& op, std::string name, std::size_t index, Arguments& arguments) {
  if (op.given(name)) {
    const double number = op.real(name, 0);
    arguments.emplace_back(std::move(name), number);
  } else if (op.has(index)) {
    if (const auto number = op.build.scalar(op.input(index)))
      arguments.emplace_back(std::move(name), *number);
    else
      arguments.emplace_back(std::move(name), op.id(index));
  }
}

void clip(Operator& op) {
  Arguments bounds;
  add_bound(op, "min", 1, bounds);
  add_bound(op, "max", 2, bounds);
  one(op, "clamp", std::move(bounds));
}

/// One slope for each channel, or one for all.
void prelu(Operator& op) {
  const Sizes slope = op.shape(1);
  const std::size_t rank = op.rank(0);
  Size count = {1, 0};
  bool channels = rank > 1 && slope.size() <= rank;
  for (std::size_t i = 0; i < slope.size() && channels; ++i) {
    if (slope[i] == Size{1, 0}) continue;
    channels = i + rank == slope.size() + 1;
    count = slope[i];
  }
  if (channels) {
    Value weight = op.reshape(op.input(1), {count});
    op.result("prelu", {{"self", op.id(0)}, {"weight", op.build.id(weight)}}, op.shape(0),
              op.dtype(0));
    return;
  }
  op.result("_prelu_kernel", {{"self", op.id(0)}, {"weight", op.id(1)}},
            op.broadcast(op.shape(0), op.shape(1)), op.dtype(0));
}

constexpr std::array kMore = std::to_array<TranslatorRow>({{"Cast", cast},
                                                           {"CastLike", cast_like},
                                                           {"Celu", celu},
                                                           {"Clip", clip},
                                                           {"Div", divide},
                                                           {"Dropout", dropout},
                                                           {"Elu", elu},
                                                           {"Gelu", gelu},
                                                           {"HardSigmoid", hard_sigmoid},
                                                           {"Identity", same},
                                                           {"LeakyRelu", leaky_relu},
                                                           {"Max", maximum},
                                                           {"Mean", mean},
                                                           {"Min", minimum},
                                                           {"Mod", modulo},
                                                           {"PRelu", prelu},
                                                           {"Pow", power},
                                                           {"Selu", selu},
                                                           {"Shrink", shrink},
                                                           {"Softsign", softsign},
                                                           {"Sum", sum},
                                                           {"Swish", swish},
                                                           {"ThresholdedRelu", threshold},
                                                           {"Where", where}});

}  // namespace

std::span<const TranslatorRow> elementwise_translators() {
  static const std::vector<TranslatorRow> kRows = [] {
    std::vector<TranslatorRow> rows(kMore.begin(), kMore.end());
    for (const auto& [name, aten] : kUnary) rows.emplace_back(name, unary);
    for (const auto& [name, aten] : kBinary) rows.emplace_back(name, binary);
    return rows;
  }();
  return kRows;
}

}  // namespace mgit::onnx
