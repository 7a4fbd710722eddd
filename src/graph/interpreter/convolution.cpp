// Convolutions, plain and transposed.
#include "graph/interpreter/windows.h"

namespace mgit::interpreter {

namespace {

/// The weights' [out, in / groups, ..] against the input [batch, in, ..].
Array convolved(const Array& in, const Array& weight, const Windows& windows, std::size_t groups) {
  const std::size_t space = weight.shape.size() - 2;
  const Triple from = lengths_of(in.shape, space);
  const Triple to = windows.count_in(from);
  const std::size_t channels = weight.shape[1];
  require(groups > 0 && in.shape[1] == channels * groups && weight.shape[0] % groups == 0,
          "a convolution of other channels");
  Shape shape = with_space(in.shape, space, to);
  shape[1] = weight.shape[0];
  Array out = make(in.dtype, shape);
  const std::size_t taps = product(windows.kernel);
  const std::size_t per_group = weight.shape[0] / groups;
  for (std::size_t plane = 0; plane < in.shape[0] * weight.shape[0]; ++plane) {
    const std::size_t filter = plane % weight.shape[0];
    const double* image =
        in.values.data() +
        (plane / weight.shape[0] * in.shape[1] + filter / per_group * channels) * product(from);
    const double* kernel = weight.values.data() + filter * channels * taps;
    double* result = out.values.data() + plane * product(to);
    each_place(to, [&](const Triple& window) {
      double sum = 0;
      each_place(windows.kernel, [&](const Triple& tap) {
        const auto at = windows.place(window, tap, from);
        if (!at) return;
        for (std::size_t c = 0; c < channels; ++c)
          sum += image[c * product(from) + offset_of(*at, from)] *
                 kernel[c * taps + offset_of(tap, windows.kernel)];
      });
      result[offset_of(window, to)] = sum;
    });
  }
  return out;
}

/// The weights' [in, out / groups, ..]: each element is spread over a window of the result.
Array spread(const Array& in, const Array& weight, const Windows& windows, const Triple& more,
             std::size_t groups) {
  windows.check();
  const std::size_t space = weight.shape.size() - 2;
  const Triple from = lengths_of(in.shape, space);
  Triple to{};
  for (std::size_t i = 0; i < 3; ++i) {
    require(from[i] > 0 && more[i] < (1 << 14), "a transposed convolution of nothing");
    const std::size_t padded = (from[i] - 1) * windows.stride[i] + windows.reach(i) + more[i];
    require(padded > windows.before[i] + windows.after[i], "a padding that leaves nothing");
    to[i] = padded - windows.before[i] - windows.after[i];
  }
  const std::size_t filters = weight.shape[1];
  require(groups > 0 && weight.shape[0] == in.shape[1] && in.shape[1] % groups == 0,
          "a convolution of other channels");
  Shape shape = with_space(in.shape, space, to);
  shape[1] = filters * groups;
  Array out = make(in.dtype, shape);
  const std::size_t taps = product(windows.kernel);
  const std::size_t per_group = in.shape[1] / groups;
  for (std::size_t plane = 0; plane < in.shape[0] * in.shape[1]; ++plane) {
    const std::size_t channel = plane % in.shape[1];
    const double* image = in.values.data() + plane * product(from);
    const double* kernel = weight.values.data() + channel * filters * taps;
    double* result =
        out.values.data() +
        (plane / in.shape[1] * filters * groups + channel / per_group * filters) * product(to);
    each_place(from, [&](const Triple& window) {
      each_place(windows.kernel, [&](const Triple& tap) {
        const auto at = windows.place(window, tap, to);
        if (!at) return;
        for (std::size_t f = 0; f < filters; ++f)
          result[f * product(to) + offset_of(*at, to)] +=
              image[offset_of(window, from)] * kernel[f * taps + offset_of(tap, windows.kernel)];
      });
    });
  }
  return out;
}

/// "same" pads what a window reaches over, more of it behind.
void set_padding(const Call& call, std::size_t space, Windows& windows) {
  const Argument* padding = call.node().find("padding");
  const auto* word = padding == nullptr ? nullptr : std::get_if<std::string>(padding);
  if (word == nullptr) {
    windows.before = windows.after = triple(call.naturals("padding", space, 0), 0);
    return;
  }
  require(*word == "valid" || *word == "same", "a padding of another name");
  if (*word == "valid") return;
  for (std::size_t i = 3 - space; i < 3; ++i) {
    windows.before[i] = (windows.reach(i) - 1) / 2;
    windows.after[i] = windows.reach(i) - 1 - windows.before[i];
  }
}

Arrays convolution(const Call& call) {
  const Array& weight = call.tensor("weight");
  require(weight.shape.size() >= 3 && weight.shape.size() <= 5, "a kernel of other axes");
  const std::size_t space = weight.shape.size() - 2;
  Array in = call.tensor("input");
  const bool batched = in.shape.size() == weight.shape.size();
  if (!batched) in = with_axis(std::move(in), 0);
  require(in.shape.size() == weight.shape.size(), "an input of other axes than the kernel");
  Windows windows;
  windows.kernel = lengths_of(weight.shape, space);
  windows.stride = triple(call.naturals("stride", space, 1), 1);
  windows.dilation = triple(call.naturals("dilation", space, 1), 1);
  windows.check();
  set_padding(call, space, windows);
  const auto groups = static_cast<std::size_t>(call.integer("groups", 1));
  const bool transposed =
      call.node().op.starts_with("aten.conv_transpose") || call.flag("transposed", false);
  Array out = transposed ? spread(in, weight, windows,
                                  triple(call.naturals("output_padding", space, 0), 0), groups)
                         : convolved(in, weight, windows, groups);
  if (call.has("bias")) {
    Shape shape(out.shape.size(), 1);
    shape[1] = out.shape[1];
    out = zip(out, reshaped(call.tensor("bias"), shape), std::plus<>());
  }
  return {batched ? out : without_axis(std::move(out), 0)};
}

}  // namespace

const Operators& convolution_operators() {
  static const Operators kOperators = {
      {"aten.conv1d", convolution},           {"aten.conv2d", convolution},
      {"aten.conv3d", convolution},           {"aten.convolution", convolution},
      {"aten.conv_transpose1d", convolution}, {"aten.conv_transpose2d", convolution},
      {"aten.conv_transpose3d", convolution},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
