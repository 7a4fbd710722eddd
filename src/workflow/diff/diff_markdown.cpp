#include "workflow/diff/diff_markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/markdown.h"
#include "base/words.h"

namespace mgit {
namespace {

constexpr const char* kNone = "–";

std::string number_cell(const std::optional<double>& value, const char* format) {
  if (!value || std::isnan(*value)) return kNone;
  return std::isfinite(*value) ? fmt::format(fmt::runtime(format), *value) : "∞";
}

std::string type_cell(const std::optional<TensorInfo>& info) {
  return info ? fmt::format("{} {}", dtype_name(info->dtype), shape_text(info->shape))
              : std::string();
}

std::string change_text(const TensorDifference& tensor) {
  std::string text(change_name(tensor.change));
  if (tensor.change == TensorChange::kReshaped)
    text += " to " + markdown_code(type_cell(tensor.after));
  if (!tensor.other_file.empty())
    text += fmt::format("{} {}", tensor.before ? "" : " from", markdown_code(tensor.other_file));
  return text;
}

/// How much of the table's space a tensor deserves: another shape, name or file first, then by the
/// size of its change.
double weight_of(const TensorDifference& tensor) {
  if (tensor.change != TensorChange::kChanged) return std::numeric_limits<double>::infinity();
  return tensor.relative.value_or(0);
}

std::string counts_of(const std::vector<TensorDifference>& tensors) {
  std::string text;
  for (const TensorChange change :
       {TensorChange::kChanged, TensorChange::kReshaped, TensorChange::kAdded, TensorChange::kGone,
        TensorChange::kMoved, TensorChange::kEqual}) {
    const auto count = std::ranges::count(tensors, change, &TensorDifference::change);
    if (count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, change_name(change));
  }
  return text.empty() ? "no tensors" : text;
}

}  // namespace

std::string tensor_table(const std::vector<TensorDifference>& tensors, std::size_t most) {
  std::vector<const TensorDifference*> listed;
  for (const TensorDifference& tensor : tensors)
    if (tensor.change != TensorChange::kEqual) listed.push_back(&tensor);
  std::string text = counts_of(tensors) + "\n";
  if (listed.empty()) return text;
  const std::size_t all = listed.size();
  if (all > most) {
    std::ranges::stable_sort(listed, std::ranges::greater{},
                             [](const auto* tensor) { return weight_of(*tensor); });
    listed.resize(most);
  }
  std::vector<std::vector<std::string>> rows;
  for (const TensorDifference* tensor : listed)
    rows.push_back(
        {markdown_code(quote_name(tensor->name)), change_text(*tensor),
         markdown_code(type_cell(tensor->before ? tensor->before : tensor->after)),
         number_cell(tensor->norm_before, "{:.4g}"), number_cell(tensor->norm_after, "{:.4g}"),
         number_cell(tensor->relative, "{:.3g}"), number_cell(tensor->cosine, "{:.6f}")});
  text += "\n" + markdown_table({"tensor", "", "type", "norm before", "norm after",
                                 "relative change", "cosine"},
                                rows, 3);
  if (all > most)
    text += fmt::format("\nThe {} that changed most, of {}.\n", most, counted(all, "tensor"));
  return text;
}

std::string difference_markdown(const CheckpointDifference& difference, std::size_t most) {
  std::string text = "#### " + markdown_code(quote_name(difference.path));
  if (!difference.old_path.empty())
    text += ", before " + markdown_code(quote_name(difference.old_path));
  text += "\n\n";
  if (!difference.problem.empty()) return text + markdown_code(difference.problem, 400) + "\n\n";
  text += tensor_table(difference.tensors, most);
  if (!difference.chunks.empty()) text += "\nOutside tensors: " + difference.chunks + ".\n";
  if (!difference.scalars.empty()) {
    constexpr std::size_t kShown = 20;
    const auto shown = [](const std::optional<std::string>& value) {
      return value ? markdown_code(quote_name(*value), 60) : std::string(kNone);
    };
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < std::min(kShown, difference.scalars.size()); ++i)
      rows.push_back({markdown_code(quote_name(difference.scalars[i].name)),
                      shown(difference.scalars[i].before), shown(difference.scalars[i].after)});
    text += "\n" + markdown_table({"value", "before", "after"}, rows, 3);
    if (difference.scalars.size() > kShown)
      text += fmt::format("\nAnd {} values more.\n", difference.scalars.size() - kShown);
  }
  return text + "\n";
}

}  // namespace mgit
