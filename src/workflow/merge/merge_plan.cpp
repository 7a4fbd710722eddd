#include "workflow/merge/merge_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "format/shard_index.h"
#include "git/model_config.h"
#include "merge/tensor_role.h"
#include "mgit/merge.h"
#include "model/adapter_base.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"
#include "workflow/merge/base_in_basin.h"
#include "workflow/merge/data_weights.h"
#include "workflow/merge/kept_values.h"
#include "workflow/merge/many_sides.h"
#include "workflow/merge/merge_candidates.h"
#include "workflow/merge/new_models.h"
#include "workflow/merge/stranded_adapters.h"

namespace mgit {
namespace {

constexpr const char* kCombineHint = "to combine them: mgit undo, then mgit merge --combine";

std::set<std::string> names_of(const CommittedModel& model) {
  std::set<std::string> names{model.path};
  for (const CommittedCheckpoint& part : model.parts) names.insert(part.path);
  return names;
}

/// Files of the same names that hold the same tensors, whatever their values.
bool same_places(const CommittedModel& a, const CommittedModel& b) {
  return a.path == b.path &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                    [](const CommittedCheckpoint& x, const CommittedCheckpoint& y) {
                      return x.path == y.path && infos_of(x.manifest) == infos_of(y.manifest);
                    });
}

bool same_files(const CommittedModel& a, const CommittedModel& b) {
  return a.path == b.path && a.index == b.index &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                    [](const CommittedCheckpoint& x, const CommittedCheckpoint& y) {
                      return x.path == y.path && x.file == y.file;
                    });
}

/// Whether every part comes out with the checksums that it needs: files that cannot be rewritten
/// come out as they were only where the home side left them alone.
bool keeps_checksums(const ModelPlan& plan) {
  const std::vector<CommittedCheckpoint>& parts = plan.home_model().parts;
  return std::all_of(parts.begin(), parts.end(), [&plan](const CommittedCheckpoint& part) {
    if (can_be_rewritten(part.manifest)) return true;
    if (plan.whole || plan.sides.size() > 2) return false;
    const Manifest* base = same_part(*plan.base_model, part);
    return base != nullptr && *base == part.manifest &&
           same_part(plan.sides[1 - plan.home].model, part) != nullptr;
  });
}

/// Decides about one model. Reads, and writes nothing; throws Error where the merge has to be
/// refused.
class ModelPlanner {
 public:
  ModelPlanner(Workspace& repository, const Oid& ours, const std::vector<MergeSide>& sides,
               const MergeOptions& options, std::vector<std::string>& notes)
      : repository_(repository), ours_(ours), sides_(sides), options_(options), notes_(notes) {}

  std::optional<ModelPlan> plan(const CommittedModel& ours) {
    our_model_ = &ours;
    Candidates found = find_candidates(repository_, ours_, ours, sides_);
    candidates_ = std::move(found.candidates);
    like_ours_ = std::move(found.like_ours);
    if (candidates_.empty()) return std::nullopt;
    decide_who_decides();
    if (!recorded() && left_to_git()) return std::nullopt;
    ModelPlan plan = start();
    if (!plan.conflicts.empty() || plan.taken) return plan;
    settle_bases(plan);
    plan.whole = plan.two_way || options_.whole || options_.combine || options_.weighs() ||
                 (recorded() && recorded()->whole);
    settle_tensors(plan);
    if (!plan.conflicts.empty()) return plan;
    settle_weights(plan);
    if (options_.rebase) bring_into_basin(plan);
    settle_norms(plan);
    return plan;
  }

 private:
  const RecordedMerge* recorded() const { return options_.recorded; }

  // Who takes part.

  /// A rebase into our basin asks for it as --combine does, unless what was rebased continues the
  /// base: then it holds what ours has.
  bool asked_to_combine(const Candidate& candidate) const {
    if (options_.combine) return true;
    if (candidate.recorded.empty() || is_own_past(candidate)) return false;
    return !candidate.base || !same_form(*candidate.base, candidate.model) ||
           !line_holds(repository_, *candidate.base, candidate.model, candidate.recorded);
  }

  void decide_who_decides() {
    if (recorded()) {
      ours_decides_ = recorded()->decides.front();
      for (Candidate& candidate : candidates_)
        candidate.changed = recorded()->decides[candidate.number];
      return;
    }
    ours_decides_ = false;
    for (Candidate& candidate : candidates_)
      ours_decides_ = ours_decides_ || candidate.ours_changed;
    for (const Candidate& candidate : candidates_)
      if (!ours_decides_ && candidate.changed && asked_to_combine(candidate)) ours_decides_ = true;
    if (options_.weighs()) {
      ours_decides_ = true;
      for (Candidate& candidate : candidates_) candidate.changed = true;
    }
    const bool contested =
        ours_decides_ && std::any_of(candidates_.begin(), candidates_.end(),
                                     [](const auto& each) { return each.changed; });
    if (contested && options_.take == TakenSide::kTheirs) ours_decides_ = false;
    if (contested && options_.take == TakenSide::kOurs)
      for (Candidate& candidate : candidates_) candidate.changed = false;
  }

  /// Theirs was rebased from what our history holds, or ours from what theirs does.
  static bool is_own_past(const Candidate& candidate) {
    return candidate.base_commit != candidate.side->base;
  }

  std::size_t deciding() const {
    return static_cast<std::size_t>(std::count_if(candidates_.begin(), candidates_.end(),
                                                  [](const auto& each) { return each.changed; })) +
           (ours_decides_ ? 1 : 0);
  }

  /// Where one side alone decides and no file was dealt out anew, git takes its files.
  bool left_to_git() {
    if (deciding() > 1 || options_.take != TakenSide::kNone) return false;
    for (const Candidate& candidate : candidates_) {
      const bool from_gits_base = candidate.base && candidate.base_commit == candidate.side->base;
      if (!from_gits_base) return false;
      const CommittedModel& unchanged = candidate.changed ? *our_model_ : candidate.model;
      if (!same_files(*candidate.base, unchanged)) return false;
    }
    for (const Candidate& candidate : candidates_)
      if (candidate.changed) note_replacement(candidate);
    return true;
  }

  void note_replacement(const Candidate& candidate) {
    if (same_form(candidate.model, *our_model_)) {
      Continuation continuation(repository_);
      if (continuation.if_here(*our_model_, candidate.model).value_or(true)) return;
    }
    notes_.push_back(
        fmt::format("note: {}: {}'s independently trained model replaces ours, which "
                    "did not change; {}",
                    our_model_->path, candidate.side->name, kCombineHint));
  }

  // The plan.

  ModelPlan start() {
    ModelPlan plan;
    plan.path = our_model_->path;
    plan.parents = sides_.size() + 1;
    plan.strategy = &require_strategy(options_.strategy);
    plan.method = &require_method(options_.matching.method);
    plan.weighting = options_.matching.options.weighting;
    plan.base_model = candidates_.front().base;
    plan.sides.push_back({.commit = ours_, .model = *our_model_, .name = "ours"});
    plan.sides.front().decides = ours_decides_;
    plan.paths = {our_model_->path};
    for (const Candidate& candidate : candidates_) {
      SidePlan side{
          .commit = candidate.side->commit, .model = candidate.model, .name = candidate.side->name};
      side.parent = candidate.number + 1;
      side.decides = candidate.changed;
      plan.sides.push_back(std::move(side));
      plan.paths.insert(candidate.model.path);
      if (candidate.base) plan.paths.insert(candidate.base->path);
    }
    if (deciding() > 1) bring_into_our_form(plan);
    settle_home(plan);
    if (!recorded()) take_one_side(plan);
    if (plan.taken || !plan.conflicts.empty()) return plan;
    for (const Candidate& candidate : candidates_)
      for (const std::string& reason :
           incompatibilities(infos_of(our_model_->manifest), infos_of(candidate.model.manifest)))
        plan.conflicts.push_back(reason);
    return plan;
  }

  /// The same weights may stand under other names, or beside another optimizer's state.
  void bring_into_our_form(ModelPlan& plan) {
    const CommittedModel& ours = *our_model_;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      Candidate& candidate = candidates_[i];
      std::vector<RecordedPermutation> none;
      if (candidate.base && !same_form(ours, *candidate.base))
        bring_into_form(repository_, {ours_, ours}, *candidate.base_commit, *candidate.base, none);
      if (same_form(ours, candidate.model) ||
          !bring_into_form(repository_, {ours_, ours}, candidate.side->commit, candidate.model,
                           candidate.recorded))
        continue;
      candidate.in_our_form = true;
      plan.sides[i + 1].model = candidate.model;
      plan.notes.push_back(
          fmt::format("{}: only the weights are {}'s, all else in the file is ours", plan.path,
                      candidate.side->name));
    }
    plan.base_model = candidates_.front().base;
  }

  /// Files as ours has them, or as the side does that alone renamed them or dealt tensors out anew.
  void settle_home(ModelPlan& plan) const {
    for (std::size_t i = 0; i < candidates_.size() && plan.home == 0; ++i) {
      const Candidate& candidate = candidates_[i];
      if (!candidate.base || candidate.in_our_form) continue;
      if (same_places(*candidate.base, candidate.model)) continue;
      if (same_places(*candidate.base, *our_model_)) {
        plan.home = i + 1;
      } else if (!same_model_path(candidate.model.path, candidate.base->path) &&
                 !same_model_path(our_model_->path, candidate.base->path) &&
                 !same_model_path(candidate.model.path, our_model_->path)) {
        plan.conflicts.push_back(fmt::format("renamed from {} to {} here, to {} there",
                                             candidate.base->path, our_model_->path,
                                             candidate.model.path));
      }
    }
    if (plan.home == 0) return;
    const std::set<std::string> before = names_of(*our_model_);
    for (const std::string& name : names_of(plan.home_model()))
      if (!before.contains(name) && repository_.file_at(ours_, name))
        plan.conflicts.push_back(
            fmt::format("it is {} there, and ours has another file of that name", name));
  }

  /// One side's files as they are: where it alone decides, or nobody does, unless it has to be
  /// brought into the basin of ours.
  void take_one_side(ModelPlan& plan) const {
    if (deciding() > 1 || plan.sides.size() > 2 || !plan.conflicts.empty()) return;
    const std::size_t one = ours_decides_ || deciding() == 0 ? 0 : 1;
    const bool other_tensors = !same_form(*our_model_, plan.sides[1].model);
    const bool other_basin =
        one == 1 && options_.take == TakenSide::kNone && !candidates_.front().our_recorded.empty();
    const bool other_files = plan.home != one && options_.take == TakenSide::kNone;
    if (!other_tensors && (other_basin || other_files)) return;
    plan.taken = one;
    const auto is_one_file = [](const SidePlan& side) { return !side.model.index; };
    if (!std::all_of(plan.sides.begin(), plan.sides.end(), is_one_file)) plan.home = one;
  }

  /// A base counts only if the line from it holds on every side (DESIGN section 7).
  void settle_bases(ModelPlan& plan) {
    const Candidate& first = candidates_.front();
    plan.two_way =
        !first.base || infos_of(first.base->manifest) != infos_of(our_model_->manifest) ||
        std::any_of(candidates_.begin(), candidates_.end(), [&](const Candidate& candidate) {
          return candidate.base_commit != first.base_commit;
        });
    const bool known = recorded() && !recorded()->base.empty();
    if (known) settle_recorded_base(plan);
    for (std::size_t i = 0; i < plan.sides.size() && !plan.two_way; ++i) {
      SidePlan& side = plan.sides[i];
      side.recorded = i == 0 ? first.our_recorded : candidates_[i - 1].recorded;
      plan.two_way = !known && side.decides &&
                     !line_holds(repository_, *first.base, side.model, side.recorded);
    }
    if (plan.two_way) return;
    for (SidePlan& side : plan.sides)
      side.base = carried_along(repository_, *first.base, side.recorded);
    plan.base = first.base_commit;
  }

  /// Whether the line holds is what the record says; where it began is what history says.
  void settle_recorded_base(ModelPlan& plan) const {
    const std::string& base = recorded()->base;
    if (base != "none" && (plan.two_way || candidates_.front().base_commit->hex() != base))
      throw CorruptError(fmt::format("its base is recorded as {}, which history does not make one",
                                     base.substr(0, 10)),
                         plan.path);
    plan.two_way = base == "none";
  }

  /// What has no mean comes whole from one side, or is a conflict (merge/tensor_role).
  void settle_tensors(ModelPlan& plan) {
    if (!keeps_checksums(plan))
      plan.conflicts.push_back("an npz archive, whose checksums a merge would leave wrong");
    const TensorRoles roles(infos_of(plan.sides.front().model.manifest));
    const auto content = [&](std::size_t side, std::size_t tensor) {
      return content_of(plan.sides[side].model, tensor);
    };
    const auto decides = [&](std::size_t i, std::size_t tensor) {
      const SidePlan& side = plan.sides[i];
      return side.decides &&
             (plan.whole || content(i, tensor) != side.base->tensors[tensor].object);
    };
    RoleVerdict verdict = settle_roles(roles, {plan.sides.size(), decides, content});
    plan.from_side = std::move(verdict.taken);
    for (std::string& conflict : verdict.conflicts) plan.conflicts.push_back(std::move(conflict));
    if (!verdict.left_out.empty())
      plan.notes.push_back(fmt::format("{}: ours, not averaged: {}", plan.path, verdict.left_out));
    if (const std::string kept = kept_values(repository_.store(), plan); !kept.empty())
      plan.notes.push_back(fmt::format("{}: values beside tensors are ours: {}", plan.path, kept));
  }

  /// The tensor by its elements.
  Digest content_of(const CommittedModel& model, std::size_t index) {
    const ManifestTensor& tensor = model.manifest.tensors[index];
    if (!tensor.placement) return tensor.object;
    repository_.need(model, model.path);
    return sha256(read_tensor(repository_.store(), tensor).view.data);
  }

  // Weights and basins.

  /// Each side weighs as many distinct trainings as its lineage holds, shared ones counted once.
  void settle_weights(ModelPlan& plan) {
    if (recorded() || options_.weighs()) {
      std::vector<double> weights = recorded() ? recorded()->weights : options_.weights;
      if (options_.weigh_by_data) {
        DataWeights seen = weights_by_data(repository_, lines(plan));
        weights = std::move(seen.weights);
        plan.weights_count = std::move(seen.unit);
      }
      for (SidePlan& side : plan.sides) side.weight = weights[side.parent - 1];
      for (const std::size_t parent : like_ours_) plan.sides.front().weight += weights[parent - 1];
      double total = 0;
      for (const SidePlan& side : plan.sides) total += side.weight;
      if (total <= 0)
        throw UsageError("the weights of the models that differ are all zero", plan.path);
      return;
    }
    std::vector<std::set<Oid>> held;
    std::map<Oid, double> holders;
    for (std::size_t i = 0; i < plan.sides.size(); ++i) {
      const SidePlan& side = plan.sides[i];
      held.push_back(side.decides ? trainings(repository_, side.commit, side.model.path)
                                  : std::set<Oid>());
      for (const Oid& training : held.back()) holders[training] += 1;
    }
    double total = 0;
    for (std::size_t i = 0; i < plan.sides.size(); ++i) {
      for (const Oid& training : held[i]) plan.sides[i].weight += 1 / holders[training];
      total += plan.sides[i].weight;
    }
    for (SidePlan& side : plan.sides) side.weight /= total;
  }

  /// Where each parent's model comes from.
  std::vector<ModelLine> lines(const ModelPlan& plan) const {
    std::vector<ModelLine> lines{{ours_, plan.path}};
    for (const MergeSide& side : sides_) lines.push_back({side.commit, plan.path});
    for (const Candidate& candidate : candidates_)
      lines[candidate.number].path = candidate.model.path;
    return lines;
  }

  /// By the permutations that were found then.
  void move_as_recorded(ModelPlan& plan) const {
    for (SidePlan& side : plan.sides) {
      const std::optional<RecordedPermutation>& moved = recorded()->moved[side.parent - 1];
      if (!moved) continue;
      if (plan.spec && *plan.spec != moved->spec)
        throw CorruptError("its permutations are of different specs", plan.path);
      plan.spec = moved->spec;
      side.match.emplace();
      side.match->permutation = moved->permutation;
    }
  }

  void bring_into_basin(ModelPlan& plan) {
    if (recorded()) return move_as_recorded(plan);
    for (std::size_t i = 1; i < plan.sides.size(); ++i) {
      const Candidate& candidate = candidates_[i - 1];
      const bool rebased = !candidate.recorded.empty() || !candidate.our_recorded.empty();
      if (plan.sides[i].decides && (plan.two_way || rebased)) bring_into_basin(plan, plan.sides[i]);
    }
    bring_together(repository_, options_, plan);
  }

  void bring_into_basin(ModelPlan& plan, SidePlan& side) {
    const CommittedModel& ours = plan.sides.front().model;
    if (continues(repository_, ours, side.model)) {
      side.in_our_basin = true;
      return;
    }
    repository_.need(ours, "ours:" + plan.path);
    repository_.need(side.model, "theirs:" + side.model.path);
    if (!plan.spec) plan.spec = spec_of(ours);
    const auto our_file = open_model(repository_.store(), ours);
    const auto their_file = open_model(repository_.store(), side.model);
    side.match =
        match_by(options_.matching, {&repository_, plan.path, *plan.spec, *our_file, *their_file});
    side.in_our_basin = side.match->permutation.identity() || !worth_moving(*side.match);
    if (side.in_our_basin)
      side.match->permutation = identity_permutation(*plan.spec);
    else
      require_proof(*plan.spec, plan.path, options_.trust_spec);
  }

  /// Which layer each batch norm follows is known where a spec is.
  void settle_norms(ModelPlan& plan) const {
    const CommittedModel& ours = plan.sides.front().model;
    const std::vector<TensorInfo> network = infos_of(ours.manifest);
    if (std::none_of(network.begin(), network.end(),
                     [](const TensorInfo& info) { return is_running_statistic(info.name); }))
      return;
    plan.unrepaired = "--no-repair";
    if (!options_.repair) return;
    try {
      plan.norms = batch_norms(plan.spec ? *plan.spec : spec_of(ours), network);
      plan.unrepaired = "its spec does not say which layers they follow";
    } catch (const Error&) {
      plan.unrepaired = "no spec says which layers they follow";
    }
  }

  Spec spec_of(const CommittedModel& ours) const {
    if (is_adapter(ours) && model_setting(repository_, ours_, ours.path, "spec").empty())
      throw Error(
          "two adapters that were trained apart: the mean of their factors is the mean of "
          "neither, and no order of the rank makes it one",
          ours.path,
          "merge the models that they were folded into; --ours or --theirs takes one as it "
          "is; --no-rebase averages the factors all the same");
    try {
      return choose_spec(&repository_, ours_, ours.path, infos_of(ours.manifest));
    } catch (const Error& error) {
      if (error.hint().find("--no-rebase") != std::string::npos) throw;
      throw Error(error.what(), error.where(),
                  error.hint() + "; --no-rebase combines the models as they lie");
    }
  }

  Workspace& repository_;
  const Oid& ours_;
  const std::vector<MergeSide>& sides_;
  const MergeOptions& options_;
  std::vector<std::string>& notes_;
  // Of the model that is planned:
  const CommittedModel* our_model_ = nullptr;
  std::vector<Candidate> candidates_;
  std::vector<std::size_t> like_ours_;  // parents that have our model, counted from 1
  bool ours_decides_ = true;
};

}  // namespace

bool moves(const SidePlan& side) { return side.match && !side.match->permutation.identity(); }

const Manifest* same_part(const CommittedModel& model, const CommittedCheckpoint& part) {
  const Manifest* alike = nullptr;
  std::size_t count = 0;
  for (const CommittedCheckpoint& each : model.parts) {
    if (infos_of(each.manifest) != infos_of(part.manifest)) continue;
    if (each.path == part.path) return &each.manifest;
    alike = &each.manifest;
    ++count;
  }
  return count == 1 ? alike : nullptr;
}

MergeDecisions plan_models(Workspace& repository, const Oid& ours,
                           const std::vector<MergeSide>& sides, const MergeOptions& options) {
  if (!options.weights.empty() && options.weights.size() != sides.size() + 1)
    throw UsageError(
        fmt::format("{} weights for {} models", options.weights.size(), sides.size() + 1), "merge",
        "one for ours, then one for each branch: --weight 2,1");
  refuse_rival_models(repository, ours, sides);
  MergeDecisions decisions;
  for (const CommittedModel& model : models_at(repository, ours))
    if (auto plan = ModelPlanner(repository, ours, sides, options, decisions.notes).plan(model))
      decisions.models.push_back(*std::move(plan));
  refuse_stranded_adapters(repository, decisions.models);
  return decisions;
}

std::optional<ModelPlan> plan_recorded(Workspace& repository, const Oid& ours,
                                       const std::vector<MergeSide>& sides,
                                       const CommittedModel& model, const MergeOptions& options) {
  std::vector<std::string> notes;
  return ModelPlanner(repository, ours, sides, options, notes).plan(model);
}

bool rebased_to_be_combined(Workspace& repository, const Oid& ours, const Oid& theirs) {
  for (const CommittedModel& here : models_at(repository, ours)) {
    auto there = past_model(repository, theirs, here.path);
    if (!there || same_weights(*there, here)) continue;
    auto recorded = recorded_since(repository, ours, theirs, here.path);
    if (recorded.empty()) continue;
    if (!same_form(here, *there) &&
        !bring_into_form(repository, {ours, here}, theirs, *there, recorded))
      continue;
    if (!line_holds(repository, here, *there, recorded)) return true;
  }
  return false;
}

}  // namespace mgit
