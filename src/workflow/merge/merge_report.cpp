#include "workflow/merge/merge_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/words.h"

namespace mgit {
namespace {

/// How running variances were set, as the record has it.
constexpr const char* kRepair = "norm-variance";

/// How many tensors became what.
struct Tally {
  std::size_t combined = 0;
  std::size_t repaired = 0;       // of those
  std::vector<std::size_t> from;  // by side
};

Tally tally_of(const ModelPlan& plan, const MergedModel& merged) {
  Tally tally{0, 0, std::vector<std::size_t>(plan.sides.size())};
  for (const MergedTensor& tensor : merged.tensors) {
    if (tensor.fate == TensorFate::kCombined) ++tally.combined;
    if (tensor.repaired) ++tally.repaired;
    if (tensor.fate == TensorFate::kFromOneSide) ++tally.from[tensor.side];
  }
  return tally;
}

/// One for each parent of the merge commit; 0 for those whose model takes no part.
std::vector<double> weights_by_parent(const ModelPlan& plan) {
  std::vector<double> weights(plan.parents);
  for (const SidePlan& side : plan.sides) weights[side.parent - 1] = side.weight;
  return weights;
}

/// "20000 : 10000 samples"; shares of one with four digits.
std::string weights_text(const ModelPlan& plan) {
  std::vector<std::string> words;
  for (const double weight : weights_by_parent(plan))
    words.push_back(weight == std::floor(weight) ? fmt::format("{:.0f}", weight)
                                                 : fmt::format("{:.4g}", weight));
  const std::string unit = plan.weights_count.empty() ? "" : " " + plan.weights_count;
  return fmt::format("{}{}", fmt::join(words, " : "), unit);
}

std::string from_whom(const ModelPlan& plan, const Tally& tally) {
  std::string text;
  for (std::size_t i = 0; i < tally.from.size(); ++i)
    if (tally.from[i] > 0)
      text +=
          fmt::format("{}{} from {}", text.empty() ? "" : ", ", tally.from[i], plan.sides[i].name);
  return text;
}

std::string which_tensors(const ModelPlan& plan) {
  if (plan.two_way) return "trained independently: tip with tip";
  const std::string base = "base " + plan.base->brief();
  return base + (plan.whole ? ": whole models" : ": changed tensors only");
}

std::string basin_line(const ModelPlan& plan, const SidePlan& side) {
  if (!moves(side)) return fmt::format("{}: {} is in our basin already", plan.path, side.name);
  const UnitCount units = count_units(*side.match);
  return fmt::format(
      "{}: {} was brought into our basin first: {} of {} hidden units moved, objective {:.2f} -> "
      "{:.2f}",
      plan.path, side.name, units.moved, units.all, side.match->objective_before,
      side.match->objective_after);
}

std::string together_line(const std::string& path, const TogetherReport& together) {
  return fmt::format(
      "{}: {} models were matched as one ({}{}): over all pairs, objective {:.2f} -> {:.2f} "
      "(--many pairwise matches each with ours alone)",
      path, together.models, many_name(together.many),
      together.rounds > 0 ? ", " + counted(static_cast<std::size_t>(together.rounds), "round") : "",
      together.objective_before, together.objective_after);
}

/// How many combined tensors have a name with one of these endings.
std::size_t combined_with(const ModelPlan& plan, const MergedModel& merged,
                          const std::vector<std::string>& parts) {
  const std::vector<ManifestTensor>& tensors = plan.sides.front().model.manifest.tensors;
  std::size_t count = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (merged.tensors[i].fate == TensorFate::kCombined &&
        std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
          return tensors[i].info.name.find(part) != std::string::npos;
        }))
      ++count;
  return count;
}

void add_warnings(const ModelPlan& plan, const MergedModel& merged, std::size_t repaired,
                  std::vector<std::string>& lines) {
  lines.insert(lines.end(), plan.notes.begin(), plan.notes.end());
  const std::size_t norms = combined_with(plan, merged, {"running_var"});
  if (norms > repaired)
    lines.push_back(fmt::format(
        "note: {}: {} of batch norm {} now, which the merged weights do not have ({}){}; set them "
        "anew on data (a pass in training mode), then evaluate",
        plan.path, counted(norms - repaired, "running variance"),
        norms - repaired == 1 ? "is an average" : "are averages",
        repaired > 0 ? "no layer that they follow is known" : plan.unrepaired,
        plan.two_way && repaired == 0 ? ": the network is probably broken" : ""));
  if (combined_with(plan, merged, {"lora_A", "lora_down", "lora.down", "lora_embedding_A"}) > 0 &&
      combined_with(plan, merged, {"lora_B", "lora_up", "lora.up", "lora_embedding_B"}) > 0)
    lines.push_back(
        fmt::format("warning: {}: LoRA factors were averaged one by one, and the product of the "
                    "means is not the mean of the products; merge the models they were folded into",
                    plan.path));
}

}  // namespace

std::optional<MergeRecord> merge_record(Store::Batch& batch, const ModelPlan& plan,
                                        const MergedModel& merged) {
  const Tally tally = tally_of(plan, merged);
  const auto others = std::count_if(tally.from.begin(), tally.from.end(),
                                    [](std::size_t count) { return count > 0; });
  if (tally.combined == 0 && others < 2 &&
      std::none_of(plan.sides.begin(), plan.sides.end(), moves))
    return std::nullopt;
  MergeRecord record;
  record.model = plan.home_model().path;
  record.strategy = "none";
  if (tally.combined > 0) {
    record.strategy = plan.strategy->name;
    record.weights = fmt::format("{}", fmt::join(weights_by_parent(plan), " "));
  }
  record.tensors = fmt::format("combined {}", tally.combined);
  for (std::size_t i = 0; i < tally.from.size(); ++i)
    if (tally.from[i] > 0)
      record.tensors += fmt::format(" parent-{} {}", plan.sides[i].parent, tally.from[i]);
  if (tally.repaired > 0) record.repair = fmt::format("{} {}", kRepair, tally.repaired);
  record.base = plan.base ? plan.base->hex() : "none";
  for (const SidePlan& side : plan.sides) {
    if (!moves(side)) continue;
    const Digest spec = batch.put(as_bytes(spec_text(*plan.spec)), 1);
    const std::string text =
        permutation_text({{record.model, spec, plan.spec->groups, side.match->permutation}});
    record.permutations.push_back(
        {batch.put(as_bytes(text), 1), side.parent, std::string(plan.method->name),
         std::string(weighting_name(plan.weighting)),
         plan.together ? std::string(many_name(plan.together->many)) : std::string()});
    const SpecRecord used{spec, std::string(proof_name(plan.spec->proof))};
    if (std::find(record.specs.begin(), record.specs.end(), used) == record.specs.end())
      record.specs.push_back(used);
  }
  return record;
}

std::vector<std::string> describe_merged(const ModelPlan& plan, const MergedModel& merged) {
  const Tally tally = tally_of(plan, merged);
  const std::string taken = from_whom(plan, tally);
  std::vector<std::string> lines;
  if (tally.combined > 0) {
    lines.push_back(fmt::format("{}: combined, {} with weights {} ({})", plan.path,
                                plan.strategy->name, weights_text(plan), which_tensors(plan)));
    lines.push_back(fmt::format("{}: {} combined{}{}", plan.path, counted(tally.combined, "tensor"),
                                taken.empty() ? "" : "; ", taken));
  } else {
    lines.push_back(fmt::format("{}: nothing to average: {} ({})", plan.path,
                                taken.empty() ? "all tensors are alike" : "tensors come " + taken,
                                which_tensors(plan)));
  }
  for (const SidePlan& side : plan.sides)
    if (side.match || side.in_our_basin) lines.push_back(basin_line(plan, side));
  if (plan.together) lines.push_back(together_line(plan.path, *plan.together));
  if (tally.repaired > 0)
    lines.push_back(
        fmt::format("{}: repaired without data: the running variances of {} follow from the "
                    "weights (--no-repair leaves averages)",
                    plan.path, counted(tally.repaired, "batch norm")));
  add_warnings(plan, merged, tally.repaired, lines);
  return lines;
}

std::string describe_taken(const ModelPlan& plan) {
  const SidePlan& side = plan.sides[*plan.taken];
  std::string text =
      fmt::format("{}: {} taken as it is", plan.path, *plan.taken == 0 ? "ours" : side.name + "'s");
  if (side.model.path != plan.path) text += ", as " + side.model.path;
  return text;
}

std::string describe_conflict(const ModelPlan& plan) {
  return fmt::format("CONFLICT (model): {}: {}{}", plan.path, plan.conflicts.front(),
                     plan.conflicts.size() > 1
                         ? fmt::format(" (and {} more tensors)", plan.conflicts.size() - 1)
                         : "");
}

}  // namespace mgit
