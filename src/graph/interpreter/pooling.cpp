// Pooling and interpolation.
#include <cmath>
#include <limits>

#include "graph/interpreter/windows.h"

namespace mgit::interpreter {

namespace {

/// The digit before the "d" of an operator's name: "aten.max_pool2d".
std::size_t space_of(const Call& call) {
  const std::size_t digit = call.node().op.find_first_of("123");
  require(digit != std::string::npos, "an operator of no space");
  const auto space = static_cast<std::size_t>(call.node().op[digit] - '0');
  const char* name = call.node().find("input") != nullptr ? "input" : "self";
  require(call.tensor(name).shape.size() > space, "an input of fewer axes");
  return space;
}

template <bool kAverage>
Arrays pool(const Call& call) {
  const std::size_t space = space_of(call);
  const Array& in = call.tensor("self");
  Windows windows;
  windows.kernel = triple(call.naturals("kernel_size", space, 1), 1);
  windows.stride = windows.kernel;
  if (call.has("stride") && !call.integers("stride").empty())
    windows.stride = triple(call.naturals("stride", space, 1), 1);
  windows.before = windows.after = triple(call.naturals("padding", space, 0), 0);
  windows.dilation = triple(call.naturals("dilation", space, 1), 1);
  const Triple from = lengths_of(in.shape, space);
  const Triple to = windows.count_in(from, call.flag("ceil_mode", false));
  const bool with_padding = call.flag("count_include_pad", true);
  const double divisor = call.number("divisor_override", 0);
  Array out = make(in.dtype, with_space(in.shape, space, to));
  Array places = out;
  const std::size_t planes = in.values.size() / std::max<std::size_t>(product(from), 1);
  for (std::size_t plane = 0; plane < planes; ++plane)
    each_place(to, [&](const Triple& window) {
      double sum = 0;
      double best = -std::numeric_limits<double>::infinity();
      std::size_t inside = 0;
      std::size_t counted = 0;
      double place = 0;
      each_place(windows.kernel, [&](const Triple& tap) {
        bool padded = true;
        for (std::size_t i = 0; i < 3; ++i)
          padded =
              padded && window[i] * windows.stride[i] + tap[i] < from[i] + 2 * windows.before[i];
        counted += padded;
        const auto at = windows.place(window, tap, from);
        if (!at) return;
        const double value = in.values[plane * product(from) + offset_of(*at, from)];
        sum += value;
        if (inside++ == 0 || value > best) {
          best = value;
          place = static_cast<double>(offset_of(*at, from));
        }
      });
      const std::size_t i = plane * product(to) + offset_of(window, to);
      const auto number = static_cast<double>(with_padding ? counted : inside);
      out.values[i] = kAverage ? sum / (divisor != 0 ? divisor : number) : best;
      places.values[i] = place;
    });
  return {out, places};
}

template <bool kAverage>
Arrays adaptive_pool(const Call& call) {
  const std::size_t space = space_of(call);
  const Array& in = call.tensor("self");
  const Triple from = lengths_of(in.shape, space);
  const Triple to = triple(call.naturals("output_size", space, 1), 1);
  Array out = make(in.dtype, with_space(in.shape, space, to));
  Array places = out;
  const std::size_t planes = in.values.size() / std::max<std::size_t>(product(from), 1);
  require(planes == 0 || product(from) > 0, "pooling of nothing");
  for (std::size_t plane = 0; plane < planes; ++plane)
    each_place(to, [&](const Triple& window) {
      Triple start{};
      Triple length{};
      for (std::size_t i = 0; i < 3; ++i) {
        start[i] = window[i] * from[i] / to[i];
        length[i] = ((window[i] + 1) * from[i] + to[i] - 1) / to[i] - start[i];
      }
      double sum = 0;
      std::size_t place = offset_of(start, from);
      double best = -std::numeric_limits<double>::infinity();
      each_place(length, [&](const Triple& tap) {
        const Triple at = {start[0] + tap[0], start[1] + tap[1], start[2] + tap[2]};
        const double value = in.values[plane * product(from) + offset_of(at, from)];
        sum += value;
        if (!(value > best)) return;
        best = value;
        place = offset_of(at, from);
      });
      const std::size_t i = plane * product(to) + offset_of(window, to);
      places.values[i] = static_cast<double>(place);
      out.values[i] = kAverage ? sum / static_cast<double>(product(length)) : best;
    });
  return {out, places};
}

/// Sizes after interpolation, and how far apart in the input neighbours of the output are.
struct Scaling {
  Triple to{1, 1, 1};
  std::array<double, 3> step{1, 1, 1};
};

Scaling scaling_of(const Call& call, const Triple& from, std::size_t space, bool corners) {
  Scaling result;
  std::vector<double> factors;
  if (call.has("scale_factors")) {
    const auto* list = std::get_if<std::vector<double>>(call.node().find("scale_factors"));
    require(list != nullptr && list->size() == space, "other factors than axes");
    factors = *list;
  }
  for (std::size_t k = 0; k < space; ++k) {
    const std::size_t i = 3 - space + k;
    if (factors.empty()) {
      result.to[i] = call.naturals("output_size", space, 1)[k];
    } else {
      require(factors[k] > 0 && factors[k] < 1e6, "a factor out of range");
      result.to[i] = static_cast<std::size_t>(static_cast<double>(from[i]) * factors[k]);
    }
    require(result.to[i] > 0 && from[i] > 0, "an interpolation of nothing");
    const auto in = static_cast<double>(from[i]);
    const auto out = static_cast<double>(result.to[i]);
    if (corners)
      result.step[i] = result.to[i] > 1 ? (in - 1) / (out - 1) : 0;
    else
      result.step[i] = factors.empty() ? in / out : 1 / factors[k];
  }
  return result;
}

Arrays nearest(const Call& call) {
  const std::size_t space = space_of(call);
  const Array& in = call.tensor(call.node().find("input") != nullptr ? "input" : "self");
  const Triple from = lengths_of(in.shape, space);
  const Scaling scaling = scaling_of(call, from, space, false);
  Array out = make(in.dtype, with_space(in.shape, space, scaling.to));
  for (std::size_t plane = 0; plane < in.values.size() / product(from); ++plane)
    each_place(scaling.to, [&](const Triple& at) {
      Triple source{};
      for (std::size_t i = 0; i < 3; ++i)
        source[i] = std::min(static_cast<std::size_t>(static_cast<double>(at[i]) * scaling.step[i]),
                             from[i] - 1);
      out.values[plane * product(scaling.to) + offset_of(at, scaling.to)] =
          in.values[plane * product(from) + offset_of(source, from)];
    });
  return {out};
}

/// Between the neighbours on each axis: also of one axis, or of three.
Arrays between(const Call& call) {
  const std::size_t space = call.node().op.ends_with("bilinear2d")    ? 2
                            : call.node().op.ends_with("trilinear3d") ? 3
                                                                      : 1;
  const Array& in = call.tensor(call.node().find("input") != nullptr ? "input" : "self");
  require(in.shape.size() > space, "an input of fewer axes");
  const bool corners = call.flag("align_corners", false);
  const Triple from = lengths_of(in.shape, space);
  const Scaling scaling = scaling_of(call, from, space, corners);
  Array out = make(in.dtype, with_space(in.shape, space, scaling.to));
  for (std::size_t plane = 0; plane < in.values.size() / product(from); ++plane)
    each_place(scaling.to, [&](const Triple& at) {
      Triple low{};
      std::array<double, 3> part{};
      for (std::size_t i = 0; i < 3; ++i) {
        const double position =
            corners ? static_cast<double>(at[i]) * scaling.step[i]
                    : std::max((static_cast<double>(at[i]) + 0.5) * scaling.step[i] - 0.5, 0.0);
        low[i] = std::min(static_cast<std::size_t>(position), from[i] - 1);
        part[i] = position - static_cast<double>(low[i]);
      }
      double sum = 0;
      each_place({2, 2, 2}, [&](const Triple& side) {
        Triple source{};
        double share = 1;
        for (std::size_t i = 0; i < 3; ++i) {
          source[i] = std::min(low[i] + side[i], from[i] - 1);
          share *= side[i] == 0 ? 1 - part[i] : part[i];
        }
        sum += share * in.values[plane * product(from) + offset_of(source, from)];
      });
      out.values[plane * product(scaling.to) + offset_of(at, scaling.to)] = sum;
    });
  return {out};
}

}  // namespace

const Operators& pooling_operators() {
  static const Operators kOperators = {
      {"aten.max_pool1d", pool<false>},
      {"aten.max_pool2d", pool<false>},
      {"aten.max_pool3d", pool<false>},
      {"aten.max_pool2d_with_indices", pool<false>},
      {"aten.avg_pool1d", pool<true>},
      {"aten.avg_pool2d", pool<true>},
      {"aten.avg_pool3d", pool<true>},
      {"aten.adaptive_avg_pool1d", adaptive_pool<true>},
      {"aten.adaptive_avg_pool2d", adaptive_pool<true>},
      {"aten._adaptive_avg_pool2d", adaptive_pool<true>},
      {"aten.adaptive_avg_pool3d", adaptive_pool<true>},
      {"aten.adaptive_max_pool1d", adaptive_pool<false>},
      {"aten.adaptive_max_pool2d", adaptive_pool<false>},
      {"aten.upsample_nearest1d", nearest},
      {"aten.upsample_nearest2d", nearest},
      {"aten.upsample_nearest3d", nearest},
      {"aten.upsample_linear1d", between},
      {"aten.upsample_bilinear2d", between},
      {"aten.upsample_trilinear3d", between},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
