#include "workflow/merge/kept_values.h"

#include <fmt/format.h>

#include "model/rewrite_checkpoint.h"
#include "model/stored_outline.h"
#include "workflow/diff/diff.h"

namespace mgit {
namespace {

constexpr std::size_t kNamed = 2;

/// The file of a model that is one.
const Manifest* file_of(const CommittedModel& model) {
  return !model.index && model.parts.size() == 1 ? &model.parts.front().manifest : nullptr;
}

}  // namespace

std::string kept_values(const Store& store, const ModelPlan& plan) {
  const Manifest* ours = file_of(plan.sides.front().model);
  if (ours == nullptr || plan.home != 0) return {};
  const Manifest* base = plan.two_way || !plan.base_model ? nullptr : file_of(*plan.base_model);
  if (base != nullptr && same_but_values(store, *ours, *base)) return {};
  const auto our_outline = stored_outline(store, *ours);
  std::string text;
  std::size_t count = 0;
  for (std::size_t i = 1; i < plan.sides.size(); ++i) {
    const Manifest* theirs = file_of(plan.sides[i].model);
    if (theirs == nullptr || !plan.sides[i].decides) continue;
    for (const ScalarDifference& each :
         compare_scalars(stored_outline(store, *theirs), our_outline)) {
      if (!each.before || !each.after || each.name.find(".params.") != std::string::npos) continue;
      if (++count <= kNamed)
        text += fmt::format("{}{} is {}, {} there", text.empty() ? "" : "; ", quote_name(each.name),
                            quote_name(*each.after), quote_name(*each.before));
    }
  }
  if (count > kNamed) text += fmt::format("; and {} values more", count - kNamed);
  return text;
}

}  // namespace mgit
