#include "workflow/merge/merge_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "mgit/merge.h"
#include "model/model_line.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"

namespace mgit {
namespace {

bool moves(const std::optional<MatchResult>& match) {
  return match && !match->permutation.identity();
}

/// The file of a model that holds the same tensors at the same path; nullptr if none does.
const Manifest* same_part(const CommittedModel& model, const CommittedCheckpoint& part) {
  for (const CommittedCheckpoint& each : model.parts)
    if (each.path == part.path && infos_of(each.manifest) == infos_of(part.manifest))
      return &each.manifest;
  return nullptr;
}

/// Which sides decide one tensor: all of them without a base, else those that changed it.
/// `object_of` names a side's tensor by its content.
template <typename ObjectOf>
std::vector<std::size_t> deciding_sides(const ModelPlan& plan, std::size_t tensor,
                                        const ObjectOf& object_of) {
  std::vector<std::size_t> deciding;
  for (std::size_t i = 0; i < plan.sides.size(); ++i)
    if (plan.two_way || object_of(i) != plan.sides[i].base->tensors[tensor].object)
      deciding.push_back(i);
  if (deciding.empty()) deciding.push_back(0);
  return deciding;
}

/// Whether every part comes out with the checksums that it needs: files that cannot be rewritten
/// come out as they were only where ours left them alone.
bool keeps_checksums(const ModelPlan& plan) {
  const std::vector<CommittedCheckpoint>& parts = plan.sides.front().model.parts;
  return std::all_of(parts.begin(), parts.end(), [&plan](const CommittedCheckpoint& part) {
    if (can_be_rewritten(part.manifest)) return true;
    if (plan.two_way || plan.sides.size() > 2) return false;
    const Manifest* base = same_part(*plan.base_model, part);
    return base != nullptr && *base == part.manifest &&
           same_part(plan.sides[1].model, part) != nullptr;
  });
}

class ModelPlanner {
 public:
  ModelPlanner(Repository& repository, const Oid& ours, const std::vector<MergeSide>& sides,
               const MergeOptions& options)
      : repository_(repository), ours_(ours), sides_(sides), options_(options) {}

  std::optional<ModelPlan> plan(const CommittedModel& ours) {
    ModelPlan plan;
    plan.path = ours.path;
    plan.sides.push_back({.model = ours});
    participants_ = {ours_};
    for (const MergeSide& side : sides_) add_side(plan, side);
    if (plan.sides.size() == 1) return std::nullopt;
    if (!plan.conflicts.empty()) return plan;
    settle_bases(plan);
    settle_tensors(plan);
    if (!plan.conflicts.empty()) return plan;
    settle_weights(plan);
    if ((plan.two_way || rebased_) && options_.rebase) bring_into_basin(plan);
    return plan;
  }

 private:
  void add_side(ModelPlan& plan, const MergeSide& side) {
    const auto theirs = repository_.model_at(side.commit, plan.path);
    const CommittedModel& ours = plan.sides.front().model;
    if (!theirs || same_weights(*theirs, ours)) return;
    for (const std::string& reason :
         incompatibilities(infos_of(ours.manifest), infos_of(theirs->manifest)))
      plan.conflicts.push_back(reason);
    plan.sides.push_back({.model = *theirs});
    participants_.push_back(side.commit);
    merged_.push_back(&side);
  }

  /// A base counts only if the line from it holds on every side (DESIGN section 7).
  void settle_bases(ModelPlan& plan) {
    const MergeSide& first = *merged_.front();
    const auto base = first.base ? past_model(repository_, *first.base, plan.path) : std::nullopt;
    plan.two_way = !base || std::any_of(merged_.begin(), merged_.end(), [&](const MergeSide* side) {
      return side->base != first.base;
    });
    if (plan.two_way) return;
    if (infos_of(base->manifest) != infos_of(plan.sides.front().model.manifest)) {
      plan.two_way = true;
      return;
    }
    for (std::size_t i = 0; i < plan.sides.size() && !plan.two_way; ++i) {
      SidePlan& side = plan.sides[i];
      const auto recorded = recorded_since(repository_, first.base, participants_[i], plan.path);
      plan.two_way = !line_holds(repository_, *base, side.model, recorded);
      side.base = carried_along(*base, recorded);
      rebased_ = rebased_ || !recorded.empty();
    }
    if (plan.two_way) return;
    plan.base = first.base;
    plan.base_model = base;
  }

  /// What has no mean comes whole from one side, or is a conflict (merge/tensor_role).
  void settle_tensors(ModelPlan& plan) {
    if (!keeps_checksums(plan))
      plan.conflicts.push_back("an npz archive, whose checksums a merge would leave wrong");
    const TensorRoles roles(infos_of(plan.sides.front().model.manifest));
    const auto content = [&](std::size_t side, std::size_t tensor) {
      return content_of(plan.sides[side].model, tensor);
    };
    const auto decides = [&](std::size_t side, std::size_t tensor) {
      return plan.two_way || content(side, tensor) != plan.sides[side].base->tensors[tensor].object;
    };
    RoleVerdict verdict = settle_roles(roles, {plan.sides.size(), decides, content});
    plan.taken = std::move(verdict.taken);
    for (std::string& conflict : verdict.conflicts) plan.conflicts.push_back(std::move(conflict));
    if (!verdict.left_out.empty()) plan.notes.push_back("ours, not averaged: " + verdict.left_out);
  }

  /// The tensor by its elements.
  Digest content_of(const CommittedModel& model, std::size_t index) {
    const ManifestTensor& tensor = model.manifest.tensors[index];
    if (!tensor.placement) return tensor.object;
    repository_.need(model, model.path);
    return sha256(read_tensor(repository_.store(), tensor).view.data);
  }

  /// The base's tensors by content, in the basin that the recorded rebases moved its line to.
  Manifest carried_along(const CommittedModel& base,
                         const std::vector<RecordedPermutation>& recorded) {
    Manifest carried = base.manifest;
    const bool placed = std::any_of(carried.tensors.begin(), carried.tensors.end(),
                                    [](const auto& tensor) { return tensor.placement; });
    if (recorded.empty() && !placed) return carried;
    repository_.need(base, "the base");
    if (recorded.empty()) return by_content(repository_.store(), std::move(carried));
    std::vector<std::unique_ptr<TensorSource>> steps;
    steps.push_back(open_model(repository_.store(), base));
    for (auto step = recorded.rbegin(); step != recorded.rend(); ++step)
      steps.push_back(
          std::make_unique<PermutedModel>(*steps.back(), step->spec, step->permutation));
    for (ManifestTensor& tensor : carried.tensors)
      tensor.object = sha256(steps.back()->read(tensor.info.name).view.data);
    return carried;
  }

  /// Each side weighs as many distinct trainings as its lineage holds, shared ones counted once.
  void settle_weights(ModelPlan& plan) {
    if (!options_.weights.empty()) {
      if (options_.weights.size() != plan.sides.size())
        throw UsageError(
            fmt::format("{} weights for {} models", options_.weights.size(), plan.sides.size()),
            plan.path, "one for ours, then one for each branch: --weight 2,1");
      for (std::size_t i = 0; i < plan.sides.size(); ++i)
        plan.sides[i].weight = options_.weights[i];
      return;
    }
    std::vector<std::set<Oid>> held;
    std::map<Oid, double> holders;
    for (const Oid& commit : participants_) {
      held.push_back(trainings(repository_, commit, plan.path));
      for (const Oid& training : held.back()) holders[training] += 1;
    }
    double total = 0;
    for (std::size_t i = 0; i < plan.sides.size(); ++i) {
      for (const Oid& training : held[i]) plan.sides[i].weight += 1 / holders[training];
      total += plan.sides[i].weight;
    }
    for (SidePlan& side : plan.sides) side.weight /= total;
  }

  void bring_into_basin(ModelPlan& plan) {
    const CommittedModel& ours = plan.sides.front().model;
    repository_.need(ours, "ours:" + plan.path);
    plan.spec = choose_spec(&repository_, ours_, plan.path, infos_of(ours.manifest));
    require_proof(*plan.spec, plan.path, false);
    const auto our_model = open_model(repository_.store(), ours);
    for (std::size_t i = 1; i < plan.sides.size(); ++i) {
      SidePlan& side = plan.sides[i];
      repository_.need(side.model, "theirs:" + side.model.path);
      MatchOptions match;
      match.seed = options_.seed;
      side.match = match_weights(*plan.spec, *our_model,
                                 *open_model(repository_.store(), side.model), match);
      if (!worth_moving(*side.match)) side.match->permutation = identity_permutation(*plan.spec);
    }
  }

  Repository& repository_;
  const Oid& ours_;
  const std::vector<MergeSide>& sides_;
  const MergeOptions& options_;
  std::vector<Oid> participants_;         // of the plan under way; ours first
  std::vector<const MergeSide*> merged_;  // those but ours
  bool rebased_ = false;                  // a rebase was recorded on some side
};

/// One side of a model while it is combined. Manifests here name tensors by content; all sides have
/// the same tensors in the same order.
struct CombinedSide {
  Manifest stored;  // as it was committed
  Manifest moved;   // in our basin
  std::unique_ptr<TensorSource> original;
  std::unique_ptr<TensorSource> source;  // what `moved` names; nullptr: `original`

  TensorData read(std::string_view name) const { return (source ? source : original)->read(name); }
};

CombinedSide open_side(Repository& repository, const ModelPlan& plan, const SidePlan& side) {
  repository.need(side.model, side.model.path);
  const Store& store = repository.store();
  CombinedSide result;
  result.stored = by_content(store, side.model.manifest);
  result.moved = result.stored;
  result.original = open_model(store, side.model);
  if (!moves(side.match)) return result;
  result.source =
      std::make_unique<PermutedModel>(*result.original, *plan.spec, side.match->permutation);
  for (ManifestTensor& tensor : result.moved.tensors)
    tensor.object = sha256(result.source->read(tensor.info.name).view.data);
  return result;
}

/// The merged tensor; nullopt where it is what the frame's model has.
std::optional<TensorData> combine_tensor(const ModelPlan& plan, std::size_t index,
                                         const std::vector<CombinedSide>& sides,
                                         const Manifest& frame) {
  std::vector<std::size_t> deciding = deciding_sides(
      plan, index, [&](std::size_t side) { return sides[side].stored.tensors[index].object; });
  if (plan.taken[index]) deciding = {*plan.taken[index]};
  const auto content = [&](std::size_t side) { return sides[side].moved.tensors[index].object; };
  const bool same = std::all_of(deciding.begin(), deciding.end(), [&](std::size_t side) {
    return content(side) == content(deciding.front());
  });
  const TensorInfo& info = frame.tensors[index].info;
  if (same && content(deciding.front()) == frame.tensors[index].object) return std::nullopt;
  if (same) return sides[deciding.front()].read(info.name);
  std::vector<TensorData> data;
  std::vector<TensorView> views;
  std::vector<double> weights;
  for (const std::size_t side : deciding) {
    data.push_back(sides[side].read(info.name));
    views.push_back(data.back().view);
    weights.push_back(plan.sides[side].weight);
  }
  auto mean = std::make_shared<Buffer>(weighted_mean(views, weights));
  return TensorData{{info.dtype, info.shape, *mean}, mean};
}

/// A part of the result, and the file it is written in.
struct Frame {
  std::size_t side;
  const Manifest* file;
};

/// Ours, or theirs where only they changed more than values.
Frame frame_of(const Store& store, const ModelPlan& plan, const CommittedCheckpoint& ours) {
  if (!plan.two_way && plan.sides.size() == 2) {
    const Manifest* base = same_part(*plan.base_model, ours);
    const Manifest* theirs = same_part(plan.sides[1].model, ours);
    if (base != nullptr && theirs != nullptr && same_but_values(store, ours.manifest, *base))
      return {1, theirs};
  }
  return {0, &ours.manifest};
}

}  // namespace

std::vector<ModelPlan> plan_models(Repository& repository, const Oid& ours,
                                   const std::vector<MergeSide>& sides,
                                   const MergeOptions& options) {
  std::vector<ModelPlan> plans;
  for (const CommittedModel& model : models_at(repository, ours))
    if (auto plan = ModelPlanner(repository, ours, sides, options).plan(model))
      plans.push_back(*std::move(plan));
  return plans;
}

bool fast_forward_keeps_models(Repository& repository, const Oid& ours, const Oid& theirs) {
  for (const CommittedModel& here : models_at(repository, ours)) {
    const auto there = repository.model_at(theirs, here.path);
    if (!there || same_weights(*there, here)) continue;
    if (!recorded_since(repository, ours, theirs, here.path).empty()) return false;
    if (!continues(repository, here, *there)) return false;
  }
  return true;
}

std::vector<Manifest> combine(Repository& repository, Store::Batch& batch, const ModelPlan& plan) {
  const Store& store = repository.store();
  std::vector<CombinedSide> sides;
  for (const SidePlan& side : plan.sides) sides.push_back(open_side(repository, plan, side));
  const CommittedModel& ours = plan.sides.front().model;
  std::vector<Manifest> results;
  for (const CommittedCheckpoint& part : ours.parts) {
    const Frame frame = frame_of(store, plan, part);
    const auto info = [&](std::size_t tensor) -> const TensorInfo& {
      return frame.file->tensors[tensor].info;
    };
    TensorRewrite rewrite;
    rewrite.content = [&](std::size_t tensor) {
      const auto index = ours.manifest.find(info(tensor).name) - ours.manifest.tensors.data();
      return combine_tensor(plan, static_cast<std::size_t>(index), sides, sides[frame.side].stored);
    };
    rewrite.put = [&](std::size_t tensor, const Digest& object, Bytes data) {
      batch.put_as(object, data, std::max(1U, dtype_bits(info(tensor).dtype) / 8),
                   hint_from(part.manifest, info(tensor)));
    };
    results.push_back(rewrite_checkpoint(store, batch, *frame.file, rewrite));
  }
  return results;
}

MergeRecord record_plan(Store::Batch& batch, const ModelPlan& plan) {
  std::vector<double> weights;
  for (const SidePlan& side : plan.sides) weights.push_back(side.weight);
  MergeRecord record;
  record.model = plan.path;
  record.strategy = "mean";
  record.weights = fmt::format("{}", fmt::join(weights, " "));
  record.base = plan.base ? plan.base->hex() : "none";
  for (std::size_t i = 1; i < plan.sides.size(); ++i) {
    if (!moves(plan.sides[i].match)) continue;
    const Digest spec = batch.put(as_bytes(spec_text(*plan.spec)), 1);
    const std::string text =
        permutation_text({{plan.path, spec, plan.spec->groups, plan.sides[i].match->permutation}});
    record.permutations.push_back({batch.put(as_bytes(text), 1), i + 1});
    const SpecRecord used{spec, std::string(proof_name(plan.spec->proof))};
    if (std::find(record.specs.begin(), record.specs.end(), used) == record.specs.end())
      record.specs.push_back(used);
  }
  return record;
}

std::string describe_plan(const ModelPlan& plan) {
  if (!plan.conflicts.empty())
    return fmt::format("CONFLICT (model): {}: {}{}", plan.path, plan.conflicts.front(),
                       plan.conflicts.size() > 1
                           ? fmt::format(" (and {} more tensors)", plan.conflicts.size() - 1)
                           : "");
  std::vector<double> weights;
  for (const SidePlan& side : plan.sides) weights.push_back(side.weight);
  std::string text = fmt::format(
      "{}: combined, mean with weights {:.4g} ({})", plan.path, fmt::join(weights, " : "),
      plan.two_way ? "trained independently: tip with tip"
                   : "base " + plan.base->brief() + ": changed tensors only");
  for (std::size_t i = 1; i < plan.sides.size(); ++i) {
    const auto& match = plan.sides[i].match;
    if (!match) continue;
    std::uint64_t moved = 0;
    std::uint64_t units = 0;
    for (const GroupMatch& group : match->groups) {
      moved += group.moved;
      units += group.size;
    }
    text += moves(match)
                ? fmt::format(
                      "\n{}: brought into our basin first: {} of {} hidden units "
                      "moved, objective {:.2f} -> {:.2f}",
                      plan.path, moved, units, match->objective_before, match->objective_after)
                : fmt::format("\n{}: in our basin already", plan.path);
  }
  for (const std::string& note : plan.notes) text += fmt::format("\n{}: {}", plan.path, note);
  return text;
}

}  // namespace mgit
