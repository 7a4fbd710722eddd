#include "workflow/diff/diff.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/threads.h"
#include "base/words.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::size_t kChunk = 1 << 16;  // elements converted at a time

struct Sums {
  double before = 0;      // a . a
  double after = 0;       // b . b
  double product = 0;     // a . b
  double difference = 0;  // (b - a) . (b - a)
};

/// Elements `first`… of a tensor, as a view of rank 1.
TensorView slice(const TensorView& tensor, std::size_t first, std::size_t count) {
  const std::size_t width = dtype_bits(tensor.dtype) / 8;
  return {tensor.dtype, {count}, tensor.data.subspan(first * width, count * width)};
}

Sums sums_of(const TensorView& a, const TensorView& b) {
  const std::size_t total = a.data.size() / (dtype_bits(a.dtype) / 8);
  std::vector<double> x(std::min(kChunk, total));
  std::vector<double> y(x.size());
  Sums sums;
  for (std::size_t at = 0; at < total; at += kChunk) {
    const std::size_t count = std::min(kChunk, total - at);
    to_double(slice(a, at, count), std::span(x).first(count));
    to_double(slice(b, at, count), std::span(y).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      sums.before += x[i] * x[i];
      sums.after += y[i] * y[i];
      sums.product += x[i] * y[i];
      sums.difference += (y[i] - x[i]) * (y[i] - x[i]);
    }
  }
  return sums;
}

bool same_bytes(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string type_text(const TensorInfo& info) {
  return fmt::format("{} {}", dtype_name(info.dtype), shape_text(info.shape));
}

std::string details(const TensorDifference& tensor) {
  std::string text = type_text(tensor.before ? *tensor.before : *tensor.after);
  if (tensor.change == TensorChange::kReshaped) text += " -> " + type_text(*tensor.after);
  if (tensor.relative) text += fmt::format("  change {:.3g}", *tensor.relative);
  if (tensor.cosine) text += fmt::format("  cosine {:.6f}", *tensor.cosine);
  if (!tensor.other_file.empty()) text += "  from " + quote_name(tensor.other_file);
  return text;
}

std::string_view colour_of(TensorChange change) {
  switch (change) {
    case TensorChange::kAdded:
      return "\033[32m";
    case TensorChange::kGone:
      return "\033[31m";
    case TensorChange::kReshaped:
      return "\033[33m";
    default:
      return "\033[36m";
  }
}

std::string counts_text(const std::vector<TensorDifference>& tensors) {
  std::string text;
  for (const TensorChange change :
       {TensorChange::kEqual, TensorChange::kChanged, TensorChange::kReshaped, TensorChange::kAdded,
        TensorChange::kGone, TensorChange::kMoved}) {
    const auto count = std::count_if(tensors.begin(), tensors.end(),
                                     [&](const auto& tensor) { return tensor.change == change; });
    if (count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, change_name(change));
  }
  return text.empty() ? "no tensors" : text;
}

/// "to b.safetensors" -> how many tensors moved there.
std::map<std::string, std::size_t> moves_of(const std::vector<TensorDifference>& tensors) {
  std::map<std::string, std::size_t> moves;
  for (const TensorDifference& tensor : tensors)
    if (tensor.change == TensorChange::kMoved)
      ++moves[fmt::format("{} {}", tensor.before ? "to" : "from", quote_name(tensor.other_file))];
  return moves;
}

/// "epoch  3 -> 4", a line each.
std::string scalar_lines(const std::vector<ScalarDifference>& scalars) {
  constexpr std::size_t kShown = 20;
  constexpr std::size_t kLongest = 60;
  const auto shown = [kLongest](const std::string& value) {
    const std::string quoted = quote_name(value);
    return quoted.size() <= kLongest ? quoted : fmt::format("{:.{}}...", quoted, kLongest);
  };
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, scalars.size()); ++i) {
    const ScalarDifference& scalar = scalars[i];
    text += fmt::format("  {:<8}  {}  ",
                        !scalar.before ? "added"
                        : scalar.after ? "changed"
                                       : "gone",
                        quote_name(scalar.name));
    if (scalar.before) text += shown(*scalar.before);
    if (scalar.before && scalar.after) text += " -> ";
    if (scalar.after) text += shown(*scalar.after);
    text += "\n";
  }
  if (scalars.size() > kShown)
    text += fmt::format("  and {} values more\n", scalars.size() - kShown);
  return text;
}

bool has_line(const TensorDifference& tensor) {
  return tensor.change != TensorChange::kEqual && tensor.change != TensorChange::kMoved;
}

}  // namespace

void compare_values(const CheckpointSide& before, const CheckpointSide& after,
                    TensorDifference& result) {
  if (before.manifest != nullptr && after.manifest != nullptr &&
      *before.manifest->find(result.name) == *after.manifest->find(result.name))
    return;
  const TensorData a = before.source->read(result.name);
  const TensorData b = after.source->read(result.name);
  if (same_bytes(a.view.data, b.view.data)) return;
  result.change = TensorChange::kChanged;
  if (!is_arithmetic(a.view.dtype)) return;
  const Sums sums = sums_of(a.view, b.view);
  result.relative = sums.before == 0 ? std::numeric_limits<double>::infinity()
                                     : std::sqrt(sums.difference / sums.before);
  result.norm_before = std::sqrt(sums.before);
  result.norm_after = std::sqrt(sums.after);
  const double norms = *result.norm_before * *result.norm_after;
  if (norms != 0) result.cosine = sums.product / norms;
}

std::vector<TensorDifference> compare_checkpoints(const CheckpointSide& before,
                                                  const CheckpointSide& after) {
  std::map<std::string, TensorDifference> by_name;
  for (const TensorInfo& info : before.source->tensors()) by_name[info.name].before = info;
  for (const TensorInfo& info : after.source->tensors()) by_name[info.name].after = info;
  std::vector<TensorDifference> tensors;
  for (auto& [name, tensor] : by_name) {
    tensor.name = name;
    tensors.push_back(std::move(tensor));
  }
  parallel_for(tensors.size(), [&](std::size_t i) {
    TensorDifference& tensor = tensors[i];
    if (!tensor.before)
      tensor.change = TensorChange::kAdded;
    else if (!tensor.after)
      tensor.change = TensorChange::kGone;
    else if (*tensor.before != *tensor.after)
      tensor.change = TensorChange::kReshaped;
    else
      compare_values(before, after, tensor);
  });
  return tensors;
}

std::string compare_chunks(const std::vector<ManifestChunk>& before,
                           const std::vector<ManifestChunk>& after) {
  if (before == after) return {};
  std::set<Digest> known;
  for (const ManifestChunk& chunk : before) known.insert(chunk.object);
  std::size_t changed = 0;
  std::uint64_t changed_bytes = 0;
  std::uint64_t bytes = 0;
  for (const ManifestChunk& chunk : after) {
    bytes += chunk.length;
    if (known.contains(chunk.object)) continue;
    ++changed;
    changed_bytes += chunk.length;
  }
  return fmt::format("{} of {} chunks changed, {} of {} bytes", changed, after.size(),
                     changed_bytes, bytes);
}

std::vector<ScalarDifference> compare_scalars(const std::optional<Outline>& before,
                                              const std::optional<Outline>& after) {
  std::vector<ScalarDifference> differences;
  if (!before || !after) return differences;
  std::unordered_map<std::string_view, std::string_view> old_values;
  std::unordered_set<std::string_view> names;
  for (const OutlineScalar& scalar : before->scalars) old_values.emplace(scalar.name, scalar.value);
  for (const OutlineScalar& scalar : after->scalars) {
    if (!names.insert(scalar.name).second) continue;
    const auto old = old_values.find(scalar.name);
    if (old == old_values.end())
      differences.push_back({scalar.name, std::nullopt, scalar.value});
    else if (old->second != scalar.value)
      differences.push_back({scalar.name, std::string(old->second), scalar.value});
  }
  for (const OutlineScalar& scalar : before->scalars)
    if (names.insert(scalar.name).second)
      differences.push_back({scalar.name, scalar.value, std::nullopt});
  return differences;
}

std::string_view change_name(TensorChange change) {
  switch (change) {
    case TensorChange::kEqual:
      return "equal";
    case TensorChange::kChanged:
      return "changed";
    case TensorChange::kReshaped:
      return "reshaped";
    case TensorChange::kAdded:
      return "added";
    case TensorChange::kGone:
      return "gone";
    case TensorChange::kMoved:
      return "moved";
  }
  return "";
}

std::string difference_text(const CheckpointDifference& difference, bool colour) {
  const auto paint = [&](std::string_view code, const std::string& text) {
    return colour ? fmt::format("{}{}\033[m", code, text) : text;
  };
  std::string title = "checkpoint " + quote_name(difference.path);
  if (!difference.old_path.empty())
    title = fmt::format("checkpoint {} -> {}", quote_name(difference.old_path),
                        quote_name(difference.path));
  std::string text = paint("\033[1m", title) + "\n";
  if (!difference.problem.empty()) return text + "  " + difference.problem + "\n";
  text += "  " + counts_text(difference.tensors) + "\n";
  if (!difference.chunks.empty()) text += "  outside tensors: " + difference.chunks + "\n";
  text += scalar_lines(difference.scalars);
  for (const auto& [where, count] : moves_of(difference.tensors))
    text += fmt::format("  {}  {} {}\n",
                        paint(colour_of(TensorChange::kMoved), fmt::format("{:<8}", "moved")),
                        counted(count, "tensor"), where);
  std::size_t width = 0;
  for (const TensorDifference& tensor : difference.tensors)
    if (has_line(tensor)) width = std::max(width, quote_name(tensor.name).size());
  for (const TensorDifference& tensor : difference.tensors)
    if (has_line(tensor))
      text += fmt::format(
          "  {}  {:<{}}  {}\n",
          paint(colour_of(tensor.change), fmt::format("{:<8}", change_name(tensor.change))),
          quote_name(tensor.name), width, details(tensor));
  return text;
}

}  // namespace mgit
