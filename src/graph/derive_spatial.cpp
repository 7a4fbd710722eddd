// Operators over positions: pooling, interpolation, padding, pixels to channels and back.
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kPositions = "positions that are read in their order";

/// The 2 of "max_pool2d": how many axes at the end are positions.
std::size_t positions(std::string_view op) {
  for (std::size_t i = 1; i < op.size(); ++i)
    if (op[i] == 'd' && op[i - 1] >= '1' && op[i - 1] <= '3')
      return static_cast<std::size_t>(op[i - 1] - '0');
  return 0;
}

/// The last axes get another length; the others are kept.
bool resampled(const Call& call) {
  const auto self = call.value({"self", "input"});
  const std::size_t count = positions(call.node.op);
  if (!self || count == 0 || call.rank(*self) <= count) return false;
  const Layout layout = call.layout(*self);
  const std::size_t kept = layout.dims.size() - count;
  const bool pools_all =
      call.node.op.starts_with("aten.adaptive_") || call.node.op.starts_with("aten._adaptive_");
  std::vector<std::size_t> mixed;
  for (std::size_t i = kept; i < layout.dims.size(); ++i) {
    mixed.push_back(i);
    const bool whole = pools_all && call.shape(call.output()).size() == layout.dims.size() &&
                       call.shape(call.output())[i] == 1U && call.node.outputs.size() == 1;
    if (!whole) call.terms().pin(layout.dims[i], kPositions);
  }
  separate_others(call.in, layout, mixed);
  for (const ValueId output : call.node.outputs) {
    if (call.rank(output) != layout.dims.size()) return false;
    Layout made;
    made.loose = layout.loose;
    made.dims.assign(layout.dims.begin(), layout.dims.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const std::size_t i : mixed)
      made.dims.push_back(call.terms().fixed(call.shape(output)[i], kPositions));
    call.in.set(output, std::move(made));
  }
  return true;
}

/// Axes get longer at their ends. Filled with one number, what is added is free to move.
bool padded(const Call& call) {
  const auto self = call.value({"self", "input"});
  const auto pads = call.numbers("pad").value_or(std::vector<std::int64_t>());
  const std::string mode = call.text("mode");
  if (!self || pads.empty() || pads.size() % 2 != 0) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(*self);
  const std::size_t rank = layout.dims.size();
  if (pads.size() / 2 > rank) return false;
  const bool constant = mode.empty() || mode == "constant";
  for (std::size_t i = 0; i < pads.size() / 2; ++i) {
    const std::int64_t before = pads[2 * i];
    const std::int64_t after = pads[2 * i + 1];
    Term& dim = layout.dims[rank - 1 - i];
    if (before == 0 && after == 0) continue;
    if (!constant || before < 0 || after < 0) {
      terms.pin(dim, kPositions);
      dim = terms.fixed(call.shape(call.output()).at(rank - 1 - i), kPositions);
      continue;
    }
    const Term first = terms.atom(static_cast<std::uint64_t>(before));
    const Term second = terms.atom(static_cast<std::uint64_t>(after));
    dim = terms.sum({first, dim, second});
  }
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Channels and positions of a picture trade places.
struct Picture {
  Layout layout;
  std::size_t channel = 0;
};
std::optional<Picture> picture(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self || call.rank(*self) < 3) return std::nullopt;
  Picture found{call.layout(*self), call.rank(*self) - 3};
  found.layout.loose.clear();
  for (std::size_t i = 1; i < 3; ++i)
    call.terms().pin(found.layout.dims[found.channel + i], kPositions);
  return found;
}

bool resize_picture(const Call& call, Picture found, Term channels) {
  found.layout.dims[found.channel] = channels;
  for (std::size_t i = 1; i < 3; ++i)
    found.layout.dims[found.channel + i] =
        call.terms().fixed(call.shape(call.output()).at(found.channel + i), kPositions);
  call.in.set(call.output(), std::move(found.layout));
  return true;
}

bool pixel_shuffle(const Call& call) {
  auto found = picture(call);
  const auto factor = call.number("upscale_factor", 0);
  if (!found || !factor || *factor < 1) return false;
  const auto block = static_cast<std::uint64_t>(*factor * *factor);
  const auto split = call.terms().split_right(found->layout.dims[found->channel], block);
  if (!split) return false;
  call.terms().pin(split->second, kPositions);
  call.in.separate(split->first, split->second);
  return resize_picture(call, *std::move(found), split->first);
}

bool pixel_unshuffle(const Call& call) {
  auto found = picture(call);
  const auto factor = call.number("downscale_factor", 0);
  if (!found || !factor || *factor < 1) return false;
  const Term block = call.terms().fixed(static_cast<std::uint64_t>(*factor * *factor), kPositions);
  const Term channels = call.terms().product({found->layout.dims[found->channel], block});
  return resize_picture(call, *std::move(found), channels);
}

bool channel_shuffle(const Call& call) {
  const auto self = call.value({"self", "input"});
  const auto groups = call.number("groups", 0);
  if (!self || !groups || *groups < 1 || call.rank(*self) < 3) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(*self);
  Term& channels = layout.dims[layout.dims.size() - 3];
  const Length size = terms.size(channels);
  const auto count = static_cast<std::uint64_t>(*groups);
  if (!size || *size % count != 0) return false;
  const auto split = terms.split_right(channels, *size / count);
  if (!split) return false;
  channels = terms.product({split->second, split->first});
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Windows become channels times the size of a window.
bool im2col(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self || call.rank(*self) != 4 || call.rank(call.output()) != 3) return false;
  Terms& terms = call.terms();
  const Layout layout = call.layout(*self);
  const Length before = terms.size(layout.dims[1]);
  const Length after = call.shape(call.output())[1];
  if (!before || !after || *before == 0 || *after % *before != 0) return false;
  for (std::size_t i = 2; i < 4; ++i) terms.pin(layout.dims[i], kPositions);
  Layout made;
  made.dims = {layout.dims[0],
               terms.product({layout.dims[1], terms.fixed(*after / *before, kPositions)}),
               terms.fixed(call.shape(call.output())[2], kPositions)};
  call.in.set(call.output(), std::move(made));
  return true;
}

/// Windows along one axis, as a new last axis.
bool unfold(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dimension", 0), layout.dims.size());
  if (!axis || call.rank(call.output()) != layout.dims.size() + 1) return false;
  Terms& terms = call.terms();
  terms.pin(layout.dims[*axis], kPositions);
  layout.dims[*axis] = terms.fixed(call.shape(call.output())[*axis], kPositions);
  layout.dims.push_back(terms.fixed(call.shape(call.output()).back(), kPositions));
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

constexpr std::string_view kResampled[] = {"_adaptive_avg_pool2d",
                                           "_adaptive_avg_pool3d",
                                           "_upsample_bicubic2d_aa",
                                           "_upsample_bilinear2d_aa",
                                           "_upsample_nearest_exact1d",
                                           "_upsample_nearest_exact2d",
                                           "_upsample_nearest_exact3d",
                                           "adaptive_avg_pool1d",
                                           "adaptive_avg_pool2d",
                                           "adaptive_avg_pool3d",
                                           "adaptive_max_pool1d",
                                           "adaptive_max_pool2d",
                                           "adaptive_max_pool3d",
                                           "avg_pool1d",
                                           "avg_pool2d",
                                           "avg_pool3d",
                                           "max_pool1d",
                                           "max_pool1d_with_indices",
                                           "max_pool2d",
                                           "max_pool2d_with_indices",
                                           "max_pool3d",
                                           "max_pool3d_with_indices",
                                           "reflection_pad1d",
                                           "reflection_pad2d",
                                           "reflection_pad3d",
                                           "replication_pad1d",
                                           "replication_pad2d",
                                           "replication_pad3d",
                                           "upsample_bicubic2d",
                                           "upsample_bilinear2d",
                                           "upsample_linear1d",
                                           "upsample_nearest1d",
                                           "upsample_nearest2d",
                                           "upsample_nearest3d",
                                           "upsample_trilinear3d"};

std::vector<RuleRow> make_rules() {
  std::vector<RuleRow> rules;
  for (const std::string_view name : kResampled) rules.emplace_back(name, resampled);
  const std::array more = std::to_array<RuleRow>({{"pad", padded},
                                                  {"constant_pad_nd", padded},
                                                  {"pixel_shuffle", pixel_shuffle},
                                                  {"pixel_unshuffle", pixel_unshuffle},
                                                  {"channel_shuffle", channel_shuffle},
                                                  {"native_channel_shuffle", channel_shuffle},
                                                  {"im2col", im2col},
                                                  {"unfold", unfold}});
  rules.insert(rules.end(), more.begin(), more.end());
  return rules;
}

}  // namespace

std::span<const RuleRow> spatial_rules() {
  static const std::vector<RuleRow> kRules = make_rules();
  return kRules;
}

}  // namespace mgit::derivation
