// Sums and their kin: along some axes, or along all.
#include <cmath>
#include <limits>
#include <numeric>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The tensor as [rest, reduced], and the shape of the result.
struct Reduction {
  Array rows;
  std::size_t length = 1;
  Shape shape;
};

Reduction reduction_of(const Call& call, const Array& in, const char* dims = "dim") {
  const std::size_t rank = in.shape.size();
  std::vector<bool> reduced(rank, true);
  const Integers axes = call.integers(dims, Integers{});
  if (!axes.empty()) {
    reduced.assign(rank, false);
    for (const std::size_t axis : axes_of(axes, rank))
      if (axis < rank) reduced[axis] = true;
  }
  const bool keep = call.flag("keepdim", false);
  Reduction result;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < rank; ++i) {
    if (!reduced[i]) order.push_back(i);
    if (!reduced[i] || keep) result.shape.push_back(reduced[i] ? 1 : in.shape[i]);
  }
  for (std::size_t i = 0; i < rank; ++i) {
    if (!reduced[i]) continue;
    order.push_back(i);
    result.length *= in.shape[i];
  }
  result.rows = permuted(in, order);
  return result;
}

template <typename F>
Array reduced(const Reduction& of, F f) {
  Array out = make(of.rows.dtype, of.shape);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = f(of.rows.values.data() + i * of.length, of.length);
  return out;
}

double sum_of(const double* values, std::size_t length) {
  return std::accumulate(values, values + length, 0.0);
}
double mean_of(const double* values, std::size_t length) {
  return sum_of(values, length) / static_cast<double>(length);
}
double product_of(const double* values, std::size_t length) {
  return std::accumulate(values, values + length, 1.0, std::multiplies<>());
}
double largest_of(const double* values, std::size_t length) {
  return std::accumulate(values, values + length, -kInfinity,
                         [](double a, double b) { return std::isnan(a) || a > b ? a : b; });
}
double smallest_of(const double* values, std::size_t length) {
  return std::accumulate(values, values + length, kInfinity,
                         [](double a, double b) { return std::isnan(a) || a < b ? a : b; });
}
double any_of(const double* values, std::size_t length) {
  return std::any_of(values, values + length, [](double x) { return x != 0; });
}
double all_of(const double* values, std::size_t length) {
  return std::all_of(values, values + length, [](double x) { return x != 0; });
}
double count_of(const double* values, std::size_t length) {
  return static_cast<double>(
      std::count_if(values, values + length, [](double x) { return x != 0; }));
}
double log_sum_exp_of(const double* values, std::size_t length) {
  const double largest = largest_of(values, length);
  if (std::isinf(largest)) return largest;
  double sum = 0;
  for (std::size_t i = 0; i < length; ++i) sum += std::exp(values[i] - largest);
  return largest + std::log(sum);
}

template <double (*F)(const double*, std::size_t)>
Arrays reduce(const Call& call) {
  return {reduced(reduction_of(call, call.tensor("self")), F)};
}

/// max and min: of all, elementwise with another tensor, or along an axis with their places.
template <bool kLargest>
Arrays extreme(const Call& call) {
  const Array& in = call.tensor("self");
  if (call.node().find("other") != nullptr)
    return {zip(in, call.tensor("other"),
                [](double a, double b) { return (a > b) == kLargest ? a : b; })};
  const Reduction of = reduction_of(call, in);
  const auto at = [](const double* values, std::size_t length) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < length; ++i)
      if (kLargest ? values[i] > values[best] : values[i] < values[best]) best = i;
    return best;
  };
  require(of.length > 0, "the largest of nothing");
  return {
      reduced(of, [&](const double* v, std::size_t n) { return v[at(v, n)]; }),
      reduced(of, [&](const double* v, std::size_t n) { return static_cast<double>(at(v, n)); })};
}
template <bool kLargest>
Arrays place_of_extreme(const Call& call) {
  return {extreme<kLargest>(call).at(1)};
}

double correction_of(const Call& call) {
  if (call.has("correction")) return call.number("correction");
  return call.flag("unbiased", true) ? 1 : 0;
}

Array variance_of(const Reduction& of, double correction) {
  return reduced(of, [correction](const double* values, std::size_t length) {
    const double mean = mean_of(values, length);
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += (values[i] - mean) * (values[i] - mean);
    return sum / std::max(static_cast<double>(length) - correction, 0.0);
  });
}
Arrays var(const Call& call) {
  return {variance_of(reduction_of(call, call.tensor("self")), correction_of(call))};
}
Arrays standard_deviation(const Call& call) {
  return {map(var(call).front(), [](double x) { return std::sqrt(x); })};
}
Arrays var_mean(const Call& call) {
  const Reduction of = reduction_of(call, call.tensor("self"));
  return {variance_of(of, correction_of(call)), reduced(of, mean_of)};
}

Arrays standard_deviation_mean(const Call& call) {
  Arrays result = var_mean(call);
  result[0] = map(result[0], [](double x) { return std::sqrt(x); });
  return result;
}

Array norm_of(const Reduction& of, double p) {
  return reduced(of, [p](const double* values, std::size_t length) {
    double sum = 0;
    double largest = 0;
    for (std::size_t i = 0; i < length; ++i) {
      sum += std::pow(std::fabs(values[i]), p);
      largest = std::max(largest, std::fabs(values[i]));
    }
    return std::isinf(p) ? largest : std::pow(sum, 1 / p);
  });
}
Arrays norm(const Call& call) {
  const char* order = call.node().find("ord") != nullptr ? "ord" : "p";
  return {norm_of(reduction_of(call, call.tensor("self")), call.number(order, 2))};
}

template <typename F>
Array along(const Array& in, std::size_t axis, F f) {
  Array out = in;
  if (in.shape.empty()) {
    f(out.values.data(), std::size_t{1}, std::size_t{1});
    return out;
  }
  const Around part = around(in.shape, axis);
  for (std::size_t o = 0; o < part.outer; ++o)
    for (std::size_t j = 0; j < part.inner; ++j)
      f(out.values.data() + o * part.length * part.inner + j, part.length, part.inner);
  return out;
}

std::size_t dim_of(const Call& call, std::int64_t otherwise) {
  return axis_of(call.integer("dim", otherwise), call.tensor("self").shape.size());
}

Arrays softmax_of(const Call& call) { return {softmax(call.tensor("self"), dim_of(call, -1))}; }
/// Of rows that are minus infinity throughout it makes zeros.
Arrays safe_softmax(const Call& call) {
  return {map(softmax_of(call).front(), [](double x) { return std::isnan(x) ? 0 : x; })};
}
Arrays log_softmax(const Call& call) {
  return {along(call.tensor("self"), dim_of(call, -1),
                [](double* values, std::size_t length, std::size_t step) {
                  std::vector<double> row(length);
                  for (std::size_t i = 0; i < length; ++i) row[i] = values[i * step];
                  const double total = log_sum_exp_of(row.data(), length);
                  for (std::size_t i = 0; i < length; ++i) values[i * step] -= total;
                })};
}

template <bool kProduct>
Arrays running(const Call& call) {
  return {along(call.tensor("self"), dim_of(call, -1),
                [](double* values, std::size_t length, std::size_t step) {
                  for (std::size_t i = 1; i < length; ++i)
                    if (kProduct)
                      values[i * step] *= values[(i - 1) * step];
                    else
                      values[i * step] += values[(i - 1) * step];
                })};
}

Arrays diff(const Call& call) {
  const std::size_t axis = dim_of(call, -1);
  std::vector<Array> parts;
  if (call.has("prepend")) parts.push_back(call.tensor("prepend"));
  parts.push_back(call.tensor("self"));
  if (call.has("append")) parts.push_back(call.tensor("append"));
  Array out = concatenated(parts, axis);
  for (std::int64_t n = call.integer("n", 1); n > 0 && out.shape[axis] > 0; --n) {
    const std::size_t length = out.shape[axis] - 1;
    out = zip(sliced(out, axis, length > 0 ? 1 : 0, length), sliced(out, axis, 0, length),
              std::minus<>());
  }
  return {out};
}

/// Values and places along an axis, the first `many` in order.
Arrays ordered(const Array& in, std::size_t axis, std::size_t many, bool descending) {
  const auto order_of = [descending](const double* row, std::size_t length, std::size_t step) {
    std::vector<std::size_t> order(length);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return descending ? row[a * step] > row[b * step] : row[a * step] < row[b * step];
    });
    return order;
  };
  const Array places = along(in, axis, [&](double* row, std::size_t length, std::size_t step) {
    const std::vector<std::size_t> order = order_of(row, length, step);
    for (std::size_t i = 0; i < length; ++i) row[i * step] = static_cast<double>(order[i]);
  });
  const Array values = along(in, axis, [&](double* row, std::size_t length, std::size_t step) {
    std::vector<double> sorted;
    for (const std::size_t i : order_of(row, length, step)) sorted.push_back(row[i * step]);
    for (std::size_t i = 0; i < length; ++i) row[i * step] = sorted[i];
  });
  if (in.shape.empty()) return {values, places};
  return {sliced(values, axis, 0, many), sliced(places, axis, 0, many)};
}

Arrays topk(const Call& call) {
  return ordered(call.tensor("self"), dim_of(call, -1), call.natural("k"),
                 call.flag("largest", true));
}
Arrays sort(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = dim_of(call, -1);
  return ordered(in, axis, in.shape.empty() ? 1 : in.shape[axis], call.flag("descending", false));
}
Arrays argsort(const Call& call) { return {sort(call).at(1)}; }

Arrays cosine_similarity(const Call& call) {
  const Array& a = call.tensor("x1");
  const Array& b = call.tensor("x2");
  const double eps = call.number("eps", 1e-8);
  const Shape shape = broadcast(a.shape, b.shape);
  const std::size_t axis = axis_of(call.integer("dim", 1), shape.size());
  const auto total = [&](const Array& x, const Array& y) {
    const Array product = expanded(zip(x, y, std::multiplies<>()), shape);
    Array sum = sliced(product, axis, 0, 1);
    for (std::size_t i = 1; i < shape[axis]; ++i)
      sum = zip(sum, sliced(product, axis, i, 1), std::plus<>());
    return without_axis(std::move(sum), axis);
  };
  const auto length = [eps](double square) { return std::max(std::sqrt(square), eps); };
  return {zip(total(a, b),
              zip(map(total(a, a), length), map(total(b, b), length), std::multiplies<>()),
              std::divides<>())};
}

/// Of vectors along an axis of length 3: the first such for aten.cross, the last axis for the
/// other.
Arrays cross(const Call& call) {
  const Array& a = call.tensor("self");
  const Array& b = call.tensor("other");
  const Shape shape = broadcast(a.shape, b.shape);
  std::size_t axis = shape.size();
  if (call.has("dim") || call.node().op == "aten.linalg_cross")
    axis = axis_of(call.integer("dim", -1), shape.size());
  else
    axis = static_cast<std::size_t>(std::find(shape.begin(), shape.end(), 3U) - shape.begin());
  require(axis < shape.size() && shape[axis] == 3, "a cross product without an axis of length 3");
  const auto part = [&](const Array& x, std::size_t i) {
    return sliced(expanded(x, shape), axis, i % 3, 1);
  };
  std::vector<Array> parts;
  for (std::size_t i = 0; i < 3; ++i)
    parts.push_back(zip(zip(part(a, i + 1), part(b, i + 2), std::multiplies<>()),
                        zip(part(a, i + 2), part(b, i + 1), std::multiplies<>()), std::minus<>()));
  return {concatenated(parts, axis)};
}

}  // namespace

Array softmax(const Array& in, std::size_t axis) {
  return along(in, axis, [](double* values, std::size_t length, std::size_t step) {
    double largest = -kInfinity;
    for (std::size_t i = 0; i < length; ++i) largest = std::max(largest, values[i * step]);
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i)
      sum += values[i * step] = std::exp(values[i * step] - largest);
    for (std::size_t i = 0; i < length; ++i) values[i * step] /= sum;
  });
}

const Operators& reducing_operators() {
  static const Operators kOperators = {
      {"aten.sum", reduce<sum_of>},
      {"aten.mean", reduce<mean_of>},
      {"aten.prod", reduce<product_of>},
      {"aten.amax", reduce<largest_of>},
      {"aten.amin", reduce<smallest_of>},
      {"aten.any", reduce<any_of>},
      {"aten.all", reduce<all_of>},
      {"aten.logsumexp", reduce<log_sum_exp_of>},
      {"aten.max", extreme<true>},
      {"aten.min", extreme<false>},
      {"aten.argmax", place_of_extreme<true>},
      {"aten.argmin", place_of_extreme<false>},
      {"aten.var", var},
      {"aten.std", standard_deviation},
      {"aten.var_mean", var_mean},
      {"aten.std_mean", standard_deviation_mean},
      {"aten.count_nonzero", reduce<count_of>},
      {"aten.norm", norm},
      {"aten.linalg_vector_norm", norm},
      {"aten.softmax", softmax_of},
      {"aten._softmax", softmax_of},
      {"aten._safe_softmax", safe_softmax},
      {"aten.log_softmax", log_softmax},
      {"aten._log_softmax", log_softmax},
      {"aten.cumsum", running<false>},
      {"aten.cumprod", running<true>},
      {"aten.diff", diff},
      {"aten.topk", topk},
      {"aten.sort", sort},
      {"aten.argsort", argsort},
      {"aten.cosine_similarity", cosine_similarity},
      {"aten.cross", cross},
      {"aten.linalg_cross", cross},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
