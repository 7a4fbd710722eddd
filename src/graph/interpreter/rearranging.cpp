// Operators that pad, turn round and shuffle.
#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

Arrays flip(const Call& call) {
  Array out = call.tensor("self");
  for (const std::size_t axis : axes_of(call.integers("dims"), out.shape.size())) {
    const Array in = out;
    const Around part = around(in.shape, axis);
    for (std::size_t o = 0; o < part.outer; ++o)
      for (std::size_t i = 0; i < part.length; ++i)
        for (std::size_t j = 0; j < part.inner; ++j)
          out.values[(o * part.length + i) * part.inner + j] =
              in.values[(o * part.length + part.length - 1 - i) * part.inner + j];
  }
  return {out};
}

Arrays roll(const Call& call) {
  Array out = call.tensor("self");
  const Shape shape = out.shape;
  const Integers shifts = call.integers("shifts");
  const Integers dims = call.integers("dims", Integers{});
  if (dims.empty()) out = reshaped(std::move(out), {out.values.size()});
  require(shifts.size() == std::max<std::size_t>(dims.size(), 1), "other shifts than axes");
  for (std::size_t k = 0; k < shifts.size(); ++k) {
    const Array in = out;
    const std::size_t axis = dims.empty() ? 0 : axis_of(dims[k], shape.size());
    const Around part = around(in.shape, axis);
    const auto length = static_cast<std::int64_t>(std::max<std::size_t>(part.length, 1));
    const auto shift = static_cast<std::size_t>((shifts[k] % length + length) % length);
    for (std::size_t o = 0; o < part.outer; ++o)
      for (std::size_t i = 0; i < part.length; ++i)
        for (std::size_t j = 0; j < part.inner; ++j)
          out.values[(o * part.length + (i + shift) % part.length) * part.inner + j] =
              in.values[(o * part.length + i) * part.inner + j];
  }
  return {reshaped(std::move(out), shape)};
}

/// The element that a padded axis has at `at`; nullopt: the constant.
std::optional<std::size_t> padded_from(std::int64_t at, std::int64_t length,
                                       const std::string& mode) {
  if (at >= 0 && at < length) return static_cast<std::size_t>(at);
  if (mode == "constant") return std::nullopt;
  if (mode == "circular") return static_cast<std::size_t>(((at % length) + length) % length);
  if (mode == "replicate") return static_cast<std::size_t>(at < 0 ? 0 : length - 1);
  const std::int64_t mirrored = at < 0 ? -at : 2 * (length - 1) - at;
  require(mirrored >= 0 && mirrored < length, "a reflection that is too long");
  return static_cast<std::size_t>(mirrored);
}

Array padded_axis(const Array& in, std::size_t axis, std::int64_t before, std::int64_t after,
                  const std::string& mode, double value) {
  const Around part = around(in.shape, axis);
  const auto length = static_cast<std::int64_t>(part.length);
  require(before >= -length && after >= -length && before < (1 << 28) && after < (1 << 28) &&
              before + after + length >= 0,
          "a padding out of range");
  Shape shape = in.shape;
  shape[axis] = static_cast<std::uint64_t>(length + before + after);
  Array out = make(in.dtype, shape);
  const Around whole = around(shape, axis);
  for (std::size_t i = 0; i < whole.length; ++i) {
    const auto from = padded_from(static_cast<std::int64_t>(i) - before, length, mode);
    for (std::size_t o = 0; o < whole.outer; ++o)
      for (std::size_t j = 0; j < whole.inner; ++j)
        out.values[(o * whole.length + i) * whole.inner + j] =
            from ? in.values[(o * part.length + *from) * part.inner + j] : value;
  }
  return out;
}

Arrays padded(const Call& call, const std::string& mode, const char* name) {
  Array out = call.tensor("self");
  const Integers pad = call.integers(name);
  require(pad.size() % 2 == 0 && pad.size() / 2 <= out.shape.size(), "a padding of no axis");
  for (std::size_t i = 0; i < pad.size() / 2; ++i)
    out = padded_axis(out, out.shape.size() - 1 - i, pad[2 * i], pad[2 * i + 1], mode,
                      call.number("value", 0));
  return {out};
}
Arrays pad(const Call& call) { return padded(call, call.text("mode", "constant"), "pad"); }
Arrays constant_pad(const Call& call) { return padded(call, "constant", "pad"); }
Arrays reflection_pad(const Call& call) { return padded(call, "reflect", "padding"); }
Arrays replication_pad(const Call& call) { return padded(call, "replicate", "padding"); }

/// [.., c*r*r, h, w] to [.., c, h*r, w*r]
Arrays pixel_shuffle(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t rank = in.shape.size();
  const std::size_t r = call.natural("upscale_factor");
  require(rank >= 3 && r > 0 && in.shape[rank - 3] % (r * r) == 0, "channels that do not shuffle");
  const std::size_t c = in.shape[rank - 3] / (r * r);
  const std::size_t h = in.shape[rank - 2];
  const std::size_t w = in.shape[rank - 1];
  const std::size_t outer = in.values.size() / std::max<std::size_t>(c * r * r * h * w, 1);
  Shape shape = in.shape;
  shape[rank - 3] = c;
  shape[rank - 2] = h * r;
  shape[rank - 1] = w * r;
  return {reshaped(permuted(reshaped(in, {outer, c, r, r, h, w}), {0, 1, 4, 2, 5, 3}), shape)};
}

Arrays pixel_unshuffle(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t rank = in.shape.size();
  const std::size_t r = call.natural("downscale_factor");
  require(rank >= 3 && r > 0 && in.shape[rank - 2] % r == 0 && in.shape[rank - 1] % r == 0,
          "an image that does not unshuffle");
  const std::size_t c = in.shape[rank - 3];
  const std::size_t h = in.shape[rank - 2] / r;
  const std::size_t w = in.shape[rank - 1] / r;
  const std::size_t outer = in.values.size() / std::max<std::size_t>(c * r * r * h * w, 1);
  Shape shape = in.shape;
  shape[rank - 3] = c * r * r;
  shape[rank - 2] = h;
  shape[rank - 1] = w;
  return {reshaped(permuted(reshaped(in, {outer, c, h, r, w, r}), {0, 1, 3, 5, 2, 4}), shape)};
}

Arrays channel_shuffle(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t groups = call.natural("groups");
  require(in.shape.size() >= 2 && groups > 0 && in.shape[1] % groups == 0, "channels in no groups");
  const Around part = around(in.shape, 1);
  return {
      reshaped(swapped(reshaped(in, {part.outer, groups, part.length / groups, part.inner}), 1, 2),
               in.shape)};
}

/// Windows along an axis, as a new last axis.
Arrays unfold(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dimension"), in.shape.size());
  const std::size_t size = call.natural("size");
  const std::size_t step = call.natural("step");
  require(axis < in.shape.size() && step > 0 && size <= in.shape[axis], "windows of no place");
  Strides strides = c_strides(in.shape);
  Shape shape = in.shape;
  shape[axis] = (in.shape[axis] - size) / step + 1;
  shape.push_back(size);
  strides.push_back(strides[axis]);
  strides[axis] *= step;
  return {strided(in, shape, strides)};
}

template <bool kUpper>
Arrays triangle(const Call& call) {
  Array out = call.tensor("self");
  const std::int64_t diagonal = call.integer("diagonal", 0);
  const std::size_t rank = out.shape.size();
  require(rank >= 2, "a triangle of no matrix");
  const std::size_t columns = out.shape[rank - 1];
  const std::size_t rows = out.shape[rank - 2];
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const auto offset =
        static_cast<std::int64_t>(i % columns) - static_cast<std::int64_t>(i / columns % rows);
    if (kUpper ? offset < diagonal : offset > diagonal) out.values[i] = 0;
  }
  return {out};
}

}  // namespace

const Operators& rearranging_operators() {
  static const Operators kOperators = {
      {"aten.flip", flip},
      {"aten.roll", roll},
      {"aten.pad", pad},
      {"aten.constant_pad_nd", constant_pad},
      {"aten.reflection_pad1d", reflection_pad},
      {"aten.reflection_pad2d", reflection_pad},
      {"aten.replication_pad1d", replication_pad},
      {"aten.replication_pad2d", replication_pad},
      {"aten.pixel_shuffle", pixel_shuffle},
      {"aten.pixel_unshuffle", pixel_unshuffle},
      {"aten.channel_shuffle", channel_shuffle},
      {"aten.unfold", unfold},
      {"aten.tril", triangle<false>},
      {"aten.triu", triangle<true>},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
