// Operators that work on each element by itself.
#include <cmath>

#include "graph/interpreter/elementwise.h"

namespace mgit::interpreter {

namespace {

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

template <double (*F)(double, double)>
Arrays binary(const Call& call) {
  return {zip(call.operand("self"), call.operand("other"), F)};
}

Arrays same(const Call& call) {
  return {call.tensor(call.node().find("self") != nullptr ? "self" : "input")};
}

Arrays dropout(const Call& call) {
  require(!call.flag("train", false), "dropout while training");
  return same(call);
}

Arrays add(const Call& call) {
  const double alpha = call.number("alpha", 1);
  return {zip(call.operand("self"), call.operand("other"),
              [alpha](double a, double b) { return a + alpha * b; })};
}
Arrays sub(const Call& call) {
  const double alpha = call.number("alpha", 1);
  return {zip(call.operand("self"), call.operand("other"),
              [alpha](double a, double b) { return a - alpha * b; })};
}
Arrays rsub(const Call& call) {
  const double alpha = call.number("alpha", 1);
  return {zip(call.operand("self"), call.operand("other"),
              [alpha](double a, double b) { return b - alpha * a; })};
}
Arrays div(const Call& call) {
  const std::string mode = call.text("rounding_mode", "");
  return {zip(call.operand("self"), call.operand("other"), [&](double a, double b) {
    const double quotient = a / b;
    return mode == "floor"   ? std::floor(quotient)
           : mode == "trunc" ? std::trunc(quotient)
                             : quotient;
  })};
}
double remainder(double a, double b) { return a - std::floor(a / b) * b; }

Arrays power(const Call& call) {
  return {zip(call.operand("self"), call.operand("exponent"),
              [](double a, double b) { return std::pow(a, b); })};
}

Arrays clamped(const Call& call) {
  Array out = call.tensor("self");
  if (call.has("min"))
    out = zip(out, call.operand("min"), [](double x, double low) { return x < low ? low : x; });
  if (call.has("max"))
    out = zip(out, call.operand("max"), [](double x, double high) { return x > high ? high : x; });
  return {out};
}

Array choice(const Array& condition, const Array& yes, const Array& no) {
  const Shape shape = broadcast(condition.shape, broadcast(yes.shape, no.shape));
  const Array flags = expanded(condition, shape);
  Array out = expanded(yes, shape);
  const Array others = expanded(no, shape);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    if (flags.values[i] == 0) out.values[i] = others.values[i];
  return out;
}

Arrays where(const Call& call) {
  return {choice(call.tensor("condition"), call.operand("self"), call.operand("other"))};
}
Arrays masked_fill(const Call& call) {
  return {choice(call.tensor("mask"), call.operand("value"), call.tensor("self"))};
}

Arrays lerp(const Call& call) {
  const Array difference = zip(call.tensor("end"), call.tensor("self"), std::minus<>());
  return {zip(call.tensor("self"), zip(call.operand("weight"), difference, std::multiplies<>()),
              std::plus<>())};
}

/// self + value * f(tensor1, tensor2)
template <typename F>
Arrays added(const Call& call, F f) {
  const double value = call.number("value", 1);
  return {zip(call.tensor("self"), zip(call.tensor("tensor1"), call.tensor("tensor2"), f),
              [value](double a, double b) { return a + value * b; })};
}
Arrays addcmul(const Call& call) { return added(call, std::multiplies<>()); }
Arrays addcdiv(const Call& call) { return added(call, std::divides<>()); }

/// Python's operators on sizes.
template <double (*F)(double, double)>
Arrays sizes(const Call& call) {
  return {zip(call.operand("a"), call.operand("b"), F)};
}
Arrays negated_size(const Call& call) {
  return {map(call.operand("a"), [](double x) { return -x; })};
}

double plus(double a, double b) { return a + b; }
double minus(double a, double b) { return a - b; }
double times(double a, double b) { return a * b; }
double quotient(double a, double b) { return a / b; }
double floored(double a, double b) { return std::floor(a / b); }
double maximum(double a, double b) { return std::isnan(a) || a > b ? a : b; }
double minimum(double a, double b) { return std::isnan(a) || a < b ? a : b; }
double equal(double a, double b) { return a == b; }
double unequal(double a, double b) { return a != b; }
double less(double a, double b) { return a < b; }
double at_most(double a, double b) { return a <= b; }
double more(double a, double b) { return a > b; }
double at_least(double a, double b) { return a >= b; }
double both(double a, double b) { return a != 0 && b != 0; }
double either(double a, double b) { return a != 0 || b != 0; }
double one(double a, double b) { return (a != 0) != (b != 0); }
double log_add_exp(double a, double b) {
  const double largest = std::max(a, b);
  return std::isinf(largest) ? largest : largest + std::log1p(std::exp(std::min(a, b) - largest));
}
std::int64_t bits(double x) {
  require(std::fabs(x) < 0x1p63, "bits of a number that is no integer");
  return static_cast<std::int64_t>(x);
}
double bits_and(double a, double b) { return static_cast<double>(bits(a) & bits(b)); }
double bits_or(double a, double b) { return static_cast<double>(bits(a) | bits(b)); }
double bits_xor(double a, double b) { return static_cast<double>(bits(a) ^ bits(b)); }

double inverse_root(double x) { return 1 / std::sqrt(x); }
double inverse(double x) { return 1 / x; }
double squared(double x) { return x * x; }
double negated(double x) { return -x; }
double negation(double x) { return x == 0 ? 1 : 0; }
double is_nan(double x) { return std::isnan(x) ? 1 : 0; }
double is_infinite(double x) { return std::isinf(x) ? 1 : 0; }
double is_finite(double x) { return std::isfinite(x) ? 1 : 0; }

Arrays bitwise_not(const Call& call) {
  const Array& in = call.tensor("self");
  if (in.dtype == DType::kBool) return {map(in, [](double x) { return x == 0 ? 1.0 : 0.0; })};
  return {map(in, [](double x) { return -x - 1; })};
}

}  // namespace

const Operators& elementwise_operators() {
  static const Operators kOperators = {
      {"aten.alias", same},
      {"aten.detach", same},
      {"aten.clone", same},
      {"aten.contiguous", same},
      {"aten.lift_fresh", same},
      {"aten.lift_fresh_copy", same},
      {"aten.to", same},
      {"aten._to_copy", same},
      {"aten.type_as", same},
      {"aten.positive", same},
      {"aten.item", same},
      {"aten._local_scalar_dense", same},
      {"aten.dropout", dropout},
      {"aten.feature_dropout", dropout},
      {"aten.alpha_dropout", dropout},
      {"aten.exp", unary<std::exp>},
      {"aten.exp2", unary<std::exp2>},
      {"aten.expm1", unary<std::expm1>},
      {"aten.log", unary<std::log>},
      {"aten.log2", unary<std::log2>},
      {"aten.log10", unary<std::log10>},
      {"aten.log1p", unary<std::log1p>},
      {"aten.sqrt", unary<std::sqrt>},
      {"aten.rsqrt", unary<inverse_root>},
      {"aten.reciprocal", unary<inverse>},
      {"aten.square", unary<squared>},
      {"aten.neg", unary<negated>},
      {"aten.abs", unary<std::fabs>},
      {"aten.sign", unary<sign>},
      {"aten.sgn", unary<sign>},
      {"aten.sin", unary<std::sin>},
      {"aten.cos", unary<std::cos>},
      {"aten.tan", unary<std::tan>},
      {"aten.asin", unary<std::asin>},
      {"aten.acos", unary<std::acos>},
      {"aten.atan", unary<std::atan>},
      {"aten.sinh", unary<std::sinh>},
      {"aten.cosh", unary<std::cosh>},
      {"aten.erf", unary<std::erf>},
      {"aten.erfc", unary<std::erfc>},
      {"aten.floor", unary<std::floor>},
      {"aten.ceil", unary<std::ceil>},
      {"aten.round", unary<std::nearbyint>},
      {"aten.trunc", unary<std::trunc>},
      {"aten.logical_not", unary<negation>},
      {"aten.isnan", unary<is_nan>},
      {"aten.isinf", unary<is_infinite>},
      {"aten.isfinite", unary<is_finite>},
      {"aten.bitwise_not", bitwise_not},
      {"aten.add", add},
      {"aten.sub", sub},
      {"aten.subtract", sub},
      {"aten.rsub", rsub},
      {"aten.mul", binary<times>},
      {"aten.multiply", binary<times>},
      {"aten.div", div},
      {"aten.divide", div},
      {"aten.true_divide", binary<quotient>},
      {"aten.floor_divide", binary<floored>},
      {"aten.remainder", binary<remainder>},
      {"aten.fmod", binary<std::fmod>},
      {"aten.pow", power},
      {"aten.atan2", binary<std::atan2>},
      {"aten.hypot", binary<std::hypot>},
      {"aten.logaddexp", binary<log_add_exp>},
      {"aten.maximum", binary<maximum>},
      {"aten.minimum", binary<minimum>},
      {"aten.eq", binary<equal>},
      {"aten.ne", binary<unequal>},
      {"aten.lt", binary<less>},
      {"aten.le", binary<at_most>},
      {"aten.gt", binary<more>},
      {"aten.ge", binary<at_least>},
      {"aten.logical_and", binary<both>},
      {"aten.logical_or", binary<either>},
      {"aten.logical_xor", binary<one>},
      {"aten.bitwise_and", binary<bits_and>},
      {"aten.bitwise_or", binary<bits_or>},
      {"aten.bitwise_xor", binary<bits_xor>},
      {"aten.__and__", binary<bits_and>},
      {"aten.__or__", binary<bits_or>},
      {"aten.__xor__", binary<bits_xor>},
      {"aten.clamp", clamped},
      {"aten.clip", clamped},
      {"aten.clamp_min", clamped},
      {"aten.clamp_max", clamped},
      {"aten.where", where},
      {"aten.masked_fill", masked_fill},
      {"aten.lerp", lerp},
      {"aten.addcmul", addcmul},
      {"aten.addcdiv", addcdiv},
      {"_operator.add", sizes<plus>},
      {"_operator.sub", sizes<minus>},
      {"_operator.mul", sizes<times>},
      {"_operator.truediv", sizes<quotient>},
      {"_operator.floordiv", sizes<floored>},
      {"_operator.mod", sizes<remainder>},
      {"_operator.neg", negated_size},
      {"_operator.eq", sizes<equal>},
      {"_operator.ne", sizes<unequal>},
      {"_operator.lt", sizes<less>},
      {"_operator.le", sizes<at_most>},
      {"_operator.gt", sizes<more>},
      {"_operator.ge", sizes<at_least>},
      {"_operator.and_", sizes<both>},
      {"_operator.or_", sizes<either>},
      {"torch.sym_max", sizes<maximum>},
      {"torch.sym_min", sizes<minimum>},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
