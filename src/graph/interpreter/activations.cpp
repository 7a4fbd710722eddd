// Activation functions.
#include <cmath>

#include "graph/interpreter/elementwise.h"

namespace mgit::interpreter {

namespace {

constexpr double kSqrt2 = 1.4142135623730951;
constexpr double kSqrt2OverPi = 0.7978845608028654;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double clamp(double x, double low, double high) { return std::min(std::max(x, low), high); }
double relu(double x) { return x > 0 ? x : 0; }
double relu6(double x) { return clamp(x, 0, 6); }
double silu(double x) { return x * sigmoid(x); }
double mish(double x) { return x * std::tanh(softplus(x)); }
double hardswish(double x) { return x * clamp(x + 3, 0, 6) / 6; }
double hardsigmoid(double x) { return clamp(x + 3, 0, 6) / 6; }
double log_sigmoid(double x) { return -softplus(-x); }
double softsign(double x) { return x / (1 + std::fabs(x)); }
double tanhshrink(double x) { return x - std::tanh(x); }

Arrays gelu(const Call& call) {
  if (call.text("approximate", "none") == "tanh")
    return {map(call.tensor("self"), [](double x) {
      return 0.5 * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x)));
    })};
  return {map(call.tensor("self"), [](double x) { return 0.5 * x * (1 + std::erf(x / kSqrt2)); })};
}

Arrays leaky_relu(const Call& call) {
  const double slope = call.number("negative_slope", 0.01);
  return {map(call.tensor("self"), [slope](double x) { return x > 0 ? x : slope * x; })};
}

Arrays elu(const Call& call) {
  const double alpha = call.number("alpha", 1);
  const double scale = call.number("scale", 1);
  const double inner = call.number("input_scale", 1);
  return {map(call.tensor("self"),
              [=](double x) { return scale * (x > 0 ? x : alpha * std::expm1(x * inner)); })};
}

Arrays celu(const Call& call) {
  const double alpha = call.number("alpha", 1);
  return {map(call.tensor("self"),
              [alpha](double x) { return x > 0 ? x : alpha * std::expm1(x / alpha); })};
}

double selu(double x) {
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  constexpr double kScale = 1.0507009873554804934193349852946;
  return kScale * (x > 0 ? x : kAlpha * std::expm1(x));
}

Arrays scaled_softplus(const Call& call) {
  const double beta = call.number("beta", 1);
  const double threshold = call.number("threshold", 20);
  return {map(call.tensor("self"),
              [=](double x) { return x * beta > threshold ? x : softplus(x * beta) / beta; })};
}

template <bool kSoft>
Arrays shrink(const Call& call) {
  const double limit = call.number("lambd", 0.5);
  return {map(call.tensor("self"), [limit](double x) {
    return std::fabs(x) <= limit ? 0.0 : !kSoft ? x : x > 0 ? x - limit : x + limit;
  })};
}

Arrays hardtanh(const Call& call) {
  const double low = call.number("min_val", -1);
  const double high = call.number("max_val", 1);
  return {map(call.tensor("self"), [=](double x) { return clamp(x, low, high); })};
}

Arrays threshold(const Call& call) {
  const double limit = call.number("threshold");
  const double value = call.number("value");
  return {map(call.tensor("self"), [=](double x) { return x > limit ? x : value; })};
}

Arrays prelu(const Call& call) {
  const Array& in = call.tensor("self");
  Array slope = call.tensor("weight");
  if (slope.values.size() > 1) {
    require(in.shape.size() > 1, "slopes without channels");
    Shape shape(in.shape.size(), 1);
    shape[1] = slope.values.size();
    slope = reshaped(std::move(slope), shape);
  }
  return {zip(in, slope, [](double x, double a) { return x > 0 ? x : a * x; })};
}

Arrays glu(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim", -1), in.shape.size());
  require(axis < in.shape.size() && in.shape[axis] % 2 == 0, "a gate of odd length");
  const std::size_t half = in.shape[axis] / 2;
  return {zip(sliced(in, axis, 0, half), sliced(in, axis, half, half),
              [](double a, double gate) { return a * sigmoid(gate); })};
}

}  // namespace

const Operators& activation_operators() {
  static const Operators kOperators = {
      {"aten.relu", unary<relu>},
      {"aten.relu6", unary<relu6>},
      {"aten.sigmoid", unary<sigmoid>},
      {"aten.tanh", unary<std::tanh>},
      {"aten.silu", unary<silu>},
      {"aten.mish", unary<mish>},
      {"aten.hardswish", unary<hardswish>},
      {"aten.hardsigmoid", unary<hardsigmoid>},
      {"aten.log_sigmoid", unary<log_sigmoid>},
      {"aten.softsign", unary<softsign>},
      {"aten.tanhshrink", unary<tanhshrink>},
      {"aten.selu", unary<selu>},
      {"aten.gelu", gelu},
      {"aten.softshrink", shrink<true>},
      {"aten.hardshrink", shrink<false>},
      {"aten.leaky_relu", leaky_relu},
      {"aten.elu", elu},
      {"aten.celu", celu},
      {"aten.softplus", scaled_softplus},
      {"aten.hardtanh", hardtanh},
      {"aten.threshold", threshold},
      {"aten.prelu", prelu},
      {"aten.glu", glu},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
