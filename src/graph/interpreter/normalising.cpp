// Norms.
#include <cmath>
#include <limits>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

/// Each row, of `length` elements that lie together, to mean 0 (unless `centred` is false) and
/// variance 1.
struct Normalised {
  Array out;
  std::vector<double> means;
  std::vector<double> scales;  // 1 / standard deviation
};

Normalised normalised(const Array& in, std::size_t length, double eps, bool centred = true) {
  require(length > 0, "a norm of nothing");
  Normalised result{in, {}, {}};
  for (std::size_t row = 0; row < in.values.size() / length; ++row) {
    double* values = result.out.values.data() + row * length;
    double mean = 0;
    for (std::size_t i = 0; centred && i < length; ++i) mean += values[i];
    mean /= static_cast<double>(length);
    double square = 0;
    for (std::size_t i = 0; i < length; ++i) square += (values[i] - mean) * (values[i] - mean);
    const double scale = 1 / std::sqrt(square / static_cast<double>(length) + eps);
    for (std::size_t i = 0; i < length; ++i) values[i] = (values[i] - mean) * scale;
    result.means.push_back(mean);
    result.scales.push_back(scale);
  }
  return result;
}

/// A vector of channels, to go with an array whose axis 1 they are.
Array by_channel(const Array& vector, const Shape& shape) {
  require(shape.size() >= 2 && vector.values.size() == shape[1], "a vector of other channels");
  Shape own(shape.size(), 1);
  own[1] = shape[1];
  return reshaped(vector, own);
}

Array scaled_and_shifted(Array out, const Call& call, bool channels) {
  const auto fitted = [&](const char* name) {
    return channels ? by_channel(call.tensor(name), out.shape) : call.tensor(name);
  };
  if (call.has("weight")) out = zip(out, fitted("weight"), std::multiplies<>());
  if (call.has("bias")) out = zip(out, fitted("bias"), std::plus<>());
  return out;
}

std::size_t normalised_length(const Call& call) {
  std::size_t length = 1;
  for (const std::int64_t each : call.integers("normalized_shape")) {
    require(each > 0 && each < (1 << 28), "a norm of nothing");
    length *= static_cast<std::size_t>(each);
    require(length < (std::size_t{1} << 28), "a norm that is too large");
  }
  return length;
}

/// Shaped like the input, with the axes that were normalised reduced to one.
Array statistics(const std::vector<double>& values, const Shape& shape, std::size_t kept) {
  Shape own(shape.size(), 1);
  for (std::size_t i = 0; i < kept; ++i) own[i] = shape[i];
  return {DType::kF64, own, values};
}

Arrays layer_norm(const Call& call) {
  const Array& in = call.tensor("input");
  const std::size_t axes = call.integers("normalized_shape").size();
  const std::size_t length = normalised_length(call);
  require(axes <= in.shape.size() && in.values.size() % length == 0, "a norm of other axes");
  Normalised result = normalised(in, length, call.number("eps", 1e-5));
  const std::size_t kept = in.shape.size() - axes;
  return {scaled_and_shifted(std::move(result.out), call, false),
          statistics(result.means, in.shape, kept), statistics(result.scales, in.shape, kept)};
}

Arrays rms_norm(const Call& call) {
  const Array& in = call.tensor("input");
  const std::size_t length = normalised_length(call);
  require(in.values.size() % length == 0, "a norm of other axes");
  const double eps =
      call.number("eps", in.dtype == DType::kF64 ? std::numeric_limits<double>::epsilon()
                                                 : std::numeric_limits<float>::epsilon());
  return {scaled_and_shifted(normalised(in, length, eps, false).out, call, false)};
}

Arrays group_norm(const Call& call) {
  const bool native = call.node().op == "aten.native_group_norm";
  const Array& in = call.tensor("input");
  const std::size_t groups = call.natural(native ? "group" : "num_groups");
  require(in.shape.size() >= 2 && groups > 0 && in.shape[1] % groups == 0, "channels in no groups");
  const std::size_t rows = in.shape[0] * groups;
  require(rows > 0, "a norm of nothing");
  Normalised result = normalised(in, in.values.size() / rows, call.number("eps", 1e-5));
  const Shape shape = {in.shape[0], groups};
  return {scaled_and_shifted(std::move(result.out), call, true),
          {DType::kF64, shape, result.means},
          {DType::kF64, shape, result.scales}};
}

Arrays batch_norm(const Call& call) {
  const Array& in = call.tensor("input");
  require(in.shape.size() >= 2, "a batch without channels");
  const double eps = call.number("eps", 1e-5);
  const bool training = call.flag("training", false) || call.flag("use_input_stats", false) ||
                        !call.has("running_mean");
  if (training) {
    // All of a channel's elements, over batch and places, are a row.
    const bool instance = call.node().op == "aten.instance_norm";
    const Array rows = instance ? in : swapped(in, 0, 1);
    const std::size_t count_of_rows = instance ? in.shape[0] * in.shape[1] : in.shape[1];
    require(count_of_rows > 0, "a norm of nothing");
    Array out = normalised(rows, in.values.size() / count_of_rows, eps).out;
    return {scaled_and_shifted(instance ? out : swapped(out, 0, 1), call, true)};
  }
  const Array scale =
      map(call.tensor("running_var"), [eps](double x) { return 1 / std::sqrt(x + eps); });
  const Array centred = zip(in, by_channel(call.tensor("running_mean"), in.shape), std::minus<>());
  return {scaled_and_shifted(zip(centred, by_channel(scale, in.shape), std::multiplies<>()), call,
                             true),
          make(DType::kF64, {0}), make(DType::kF64, {0})};
}

}  // namespace

const Operators& normalising_operators() {
  static const Operators kOperators = {
      {"aten.layer_norm", layer_norm},
      {"aten.native_layer_norm", layer_norm},
      {"aten.rms_norm", rms_norm},
      {"aten.group_norm", group_norm},
      {"aten.native_group_norm", group_norm},
      {"aten.batch_norm", batch_norm},
      {"aten.instance_norm", batch_norm},
      {"aten._native_batch_norm_legit_no_training", batch_norm},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
