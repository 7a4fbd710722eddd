// Functions of one unit at a time, constants made on the way, and what moves axes alone.
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kVaries = "a constant differs along it";

bool elementwise(const Call& call) {
  std::vector<Layout> operands;
  for (const ValueId value : call.tensors()) operands.push_back(call.layout(value));
  for (const ValueId output : call.node.outputs)
    call.in.set(output, combine(call.in, operands, call.rank(output)));
  return true;
}

/// The same number everywhere.
bool filled(const Call& call) {
  for (const ValueId output : call.node.outputs) {
    Layout layout;
    for (const Length& length : call.shape(output)) {
      layout.dims.push_back(call.terms().atom(length));
      layout.loose.push_back(layout.dims.back());
    }
    call.in.set(output, std::move(layout));
  }
  return true;
}

/// Numbers that count or are drawn: they belong to their places.
bool counted(const Call& call) {
  for (const ValueId output : call.node.outputs)
    call.in.set(output, call.in.fixed_layout(output, kVaries));
  return true;
}

bool rearranged(const Call& call) {
  const auto map = axis_map(call);
  const auto tensors = call.tensors();
  if (!map || tensors.empty() || call.node.outputs.size() != 1) return false;
  const auto apply = [&](const Layout& layout) {
    Layout result;
    result.loose = layout.loose;
    for (const auto& from : *map)
      result.dims.push_back(from ? layout.dims.at(*from) : call.terms().unit());
    return result;
  };
  const Layout source = call.in.raw_layout(tensors.front());
  if (source.parts.empty()) {
    call.in.set(call.output(), apply(source));
    return true;
  }
  Layout result;
  for (std::size_t i = 0; i < map->size(); ++i)
    if ((*map)[i] == source.axis) result.axis = i;
  for (const Layout& part : source.parts) result.parts.push_back(apply(part));
  call.in.set(call.output(), std::move(result));
  return true;
}

/// One weight for every channel, or one for all.
bool prelu(const Call& call) {
  const auto self = call.value("self");
  const auto weight = call.value("weight");
  if (!self || !weight) return false;
  Layout layout = call.layout(*self);
  if (call.rank(*weight) == 1 && !call.terms().is_unit(call.layout(*weight).dims[0])) {
    if (layout.dims.size() < 2) return false;
    attach(call, layout.dims[1], weight);
    layout.loose.clear();
  }
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// One half gates the other.
bool glu(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", -1), layout.dims.size());
  const Length size = axis ? call.terms().size(layout.dims[*axis]) : std::nullopt;
  if (!size || *size % 2 != 0) return false;
  const Term first = call.terms().slice(layout.dims[*axis], 0, *size / 2);
  const Term second = call.terms().slice(layout.dims[*axis], *size / 2, *size);
  call.terms().unify(first, second);
  layout.dims[*axis] = first;
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

constexpr std::string_view kElementwise[] = {
    "abs",         "acos",        "acosh",         "add",        "addcdiv",
    "addcmul",     "asin",        "asinh",         "atan",       "atan2",
    "atanh",       "bitwise_and", "bitwise_not",   "bitwise_or", "bitwise_xor",
    "ceil",        "celu",        "clamp",         "clamp_max",  "clamp_min",
    "clip",        "copy",        "copysign",      "cos",        "cosh",
    "deg2rad",     "digamma",     "div",           "divide",     "elu",
    "eq",          "erf",         "erfc",          "erfinv",     "exp",
    "exp2",        "expm1",       "fill",          "floor",      "floor_divide",
    "fmax",        "fmin",        "fmod",          "frac",       "ge",
    "gelu",        "greater",     "greater_equal", "gt",         "hardshrink",
    "hardsigmoid", "hardswish",   "hardtanh",      "heaviside",  "hypot",
    "isfinite",    "isinf",       "isnan",         "ldexp",      "le",
    "leaky_relu",  "lerp",        "less",          "less_equal", "lgamma",
    "log",         "log10",       "log1p",         "log2",       "log_sigmoid",
    "logaddexp",   "logical_and", "logical_not",   "logical_or", "logical_xor",
    "logit",       "lt",          "masked_fill",   "maximum",    "minimum",
    "mish",        "mul",         "multiply",      "nan_to_num", "native_dropout",
    "ne",          "neg",         "negative",      "not_equal",  "polar",
    "pow",         "reciprocal",  "relu",          "relu6",      "remainder",
    "round",       "rrelu",       "rsqrt",         "rsub",       "selu",
    "sgn",         "sigmoid",     "sign",          "silu",       "sin",
    "sinc",        "sinh",        "softplus",      "softshrink", "special_expit",
    "sqrt",        "square",      "sub",           "subtract",   "tan",
    "tanh",        "threshold",   "true_divide",   "trunc",      "where",
    "xlogy",       "zero",        "special_erf",   "_conj",      "conj",
    "real",        "__and__",     "__or__",        "__xor__",    "__lshift__",
    "__rshift__"};

constexpr std::string_view kFilled[] = {"empty",      "empty_like",    "full",          "full_like",
                                        "new_empty",  "new_full",      "new_ones",      "new_zeros",
                                        "ones",       "ones_like",     "scalar_tensor", "zeros",
                                        "zeros_like", "empty_permuted"};

constexpr std::string_view kCounted[] = {
    "arange",      "bartlett_window", "bernoulli", "blackman_window", "eye",      "hamming_window",
    "hann_window", "linspace",        "logspace",  "multinomial",     "normal",   "rand",
    "rand_like",   "randint",         "randn",     "randn_like",      "randperm", "tril_indices",
    "triu_indices"};

constexpr std::string_view kRearranged[] = {
    "adjoint", "mH",       "mT",       "moveaxis", "movedim",   "numpy_T",  "permute",
    "squeeze", "swapaxes", "swapdims", "t",        "transpose", "unsqueeze"};

std::vector<RuleRow> make_rules() {
  std::vector<RuleRow> rules;
  const auto add = [&](const auto& names, Rule rule) {
    for (const std::string_view name : names) rules.emplace_back(name, rule);
  };
  add(kElementwise, elementwise);
  add(kFilled, filled);
  add(kCounted, counted);
  add(kUnchanged, rearranged);
  add(kRearranged, rearranged);
  rules.emplace_back("prelu", prelu);
  rules.emplace_back("_prelu_kernel", elementwise);
  rules.emplace_back("glu", glu);
  return rules;
}

}  // namespace

std::span<const RuleRow> elementwise_rules() {
  static const std::vector<RuleRow> kRules = make_rules();
  return kRules;
}

bool is_loose(const Terms& terms, const Layout& layout, std::size_t axis) {
  const Term term = terms.find(layout.dims[axis]);
  for (const Term loose : layout.loose)
    if (terms.find(loose) == term) return true;
  return false;
}

Layout combine(Interpreter& in, const std::vector<Layout>& operands, std::size_t rank) {
  Terms& terms = in.terms();
  Layout result;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::optional<Term> firm;
    std::optional<Term> loose;
    for (const Layout& operand : operands) {
      if (operand.dims.size() + axis < rank) continue;
      const std::size_t own = axis + operand.dims.size() - rank;
      const Term term = operand.dims[own];
      if (terms.is_unit(term)) continue;
      if (is_loose(terms, operand, own)) {
        loose = term;
      } else if (firm) {
        terms.unify(*firm, term);
      } else {
        firm = term;
      }
    }
    if (!firm && loose) result.loose.push_back(*loose);
    result.dims.push_back(firm ? *firm : loose ? *loose : terms.unit());
  }
  if (operands.size() == 1)
    result.loose.insert(result.loose.end(), operands.front().loose.begin(),
                        operands.front().loose.end());
  return result;
}

void separate_others(Interpreter& in, const Layout& layout, const std::vector<std::size_t>& mixed) {
  std::vector<bool> inside(layout.dims.size());
  for (const std::size_t axis : mixed) inside[axis] = true;
  for (std::size_t other = 0; other < layout.dims.size(); ++other)
    if (!inside[other])
      for (const std::size_t axis : mixed) in.separate(layout.dims[other], layout.dims[axis]);
}

void attach(const Call& call, Term axis, std::optional<ValueId> vector) {
  if (!vector) return;
  const Layout& layout = call.layout(*vector);
  if (layout.dims.size() == 1 && !is_loose(call.terms(), layout, 0))
    call.terms().unify(axis, layout.dims[0]);
}

}  // namespace mgit::derivation
