#include "workflow/verify/verify_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "base/words.h"
#include "model/model_line.h"
#include "model/model_merge.h"
#include "model/model_spec.h"
#include "workflow/merge/combine.h"
#include "workflow/merge/merge_plan.h"
#include "workflow/merge/merge_report.h"
#include "workflow/repair_model.h"
#include "workflow/verify/hashing_batch.h"
#include "workflow/verify/recorded_repair.h"

namespace mgit {
namespace {

/// A record that contradicts itself or the history.
[[noreturn]] void refuse(const std::string& what) { throw NotProven(Verdict::kFailed, what); }

bool is_here(const Repository& repository, const Oid& commit) {
  return repository.resolve(commit.hex() + "^{commit}").has_value();
}

std::vector<double> recorded_weights(const MergeRecord& merge, std::size_t parents) {
  std::vector<double> weights;
  std::istringstream words(merge.weights);
  for (std::string word; words >> word;) {
    double weight = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), weight);
    if (read.ec != std::errc() || read.ptr != word.data() + word.size() || !std::isfinite(weight) ||
        weight < 0)
      refuse(fmt::format("'{}' is no weight", word));
    weights.push_back(weight);
  }
  if (weights.empty() && merge.strategy == "none") return std::vector<double>(parents, 1.0);
  if (weights.size() != parents)
    refuse(fmt::format("it records {} for {}", counted(weights.size(), "weight"),
                       counted(parents, "parent")));
  return weights;
}

/// Which sides may have decided, and of which tensors, that the record does not say: the first is
/// what merging does unasked.
std::vector<RecordedMerge> readings(RecordedMerge recorded, bool weighed) {
  std::vector<RecordedMerge> result;
  const auto add = [&](const std::vector<bool>& decides) {
    recorded.decides = decides;
    for (const bool whole : {false, true}) {
      recorded.whole = whole;
      result.push_back(recorded);
    }
  };
  const std::size_t parents = recorded.weights.size();
  const std::vector<bool> all(parents, true);
  if (weighed) {
    std::vector<bool> heavy(parents);
    for (std::size_t i = 0; i < parents; ++i) heavy[i] = recorded.weights[i] > 0;
    add(heavy);
    if (heavy != all) add(all);
    return result;
  }
  add(all);
  for (std::size_t i = 0; i < parents; ++i) {
    std::vector<bool> one(parents, false);
    one[i] = true;
    add(one);
  }
  return result;
}

bool same_record(const MergeRecord& made, const MergeRecord& recorded) {
  const auto same_step = [](const MergedPermutation& a, const MergedPermutation& b) {
    return a.permutation == b.permutation && a.parent == b.parent;
  };
  return made.strategy == recorded.strategy && made.weights == recorded.weights &&
         made.tensors == recorded.tensors && made.repair == recorded.repair &&
         std::equal(made.permutations.begin(), made.permutations.end(),
                    recorded.permutations.begin(), recorded.permutations.end(), same_step);
}

}  // namespace

/// One model of a merge commit.
struct MergeVerifier::Claim {
  const Commit& commit;
  const MergeRecord& merge;
  const RepairRecord* repair = nullptr;  // done to what was merged, in the same commit
  std::vector<MergeSide> sides{};
  CommittedModel ours{};
  CommittedModel here{};
  std::string path{};
  std::string allowed{};    // who allows its specs
  std::string first_why{};  // of the first reading: why it is not what the commit has
  std::string first_tensor{};
};

std::vector<Finding> MergeVerifier::verify(const Commit& commit, const OperationRecord& record) {
  std::vector<Finding> findings;
  for (const MergeRecord& merge : record.merges)
    findings.push_back(finding_of("merge", commit.id, merge.model, [&] {
      return check_merge(commit, merge, record.repair_of(merge.model));
    }));
  for (const RepairRecord& repair : record.repairs)
    if (record.merge_of(repair.model) == nullptr)
      findings.push_back(finding_of("repair", commit.id, repair.model,
                                    [&] { return check_repair(commit, repair); }));
  return findings;
}

void MergeVerifier::spend(const CommittedModel& model, std::size_t times) {
  if (limit_ == 0) return;
  std::uint64_t size = 0;
  for (const CommittedCheckpoint& part : model.parts) size += part.manifest.size;
  if (spent_ + size * times > limit_)
    throw NotProven(Verdict::kUnproved,
                    fmt::format("not computed again: its models are beyond the limit of {}",
                                size_text(limit_)));
  spent_ += size * times;
}

RecordedMerge MergeVerifier::read_record(Claim& claim) {
  const std::size_t parents = claim.commit.parents.size();
  RecordedMerge recorded;
  recorded.weights = recorded_weights(claim.merge, parents);
  recorded.base = claim.merge.base;
  recorded.moved.resize(parents);
  for (const MergedPermutation& moved : claim.merge.permutations) {
    if (moved.parent < 2 || moved.parent > parents)
      refuse(fmt::format("it records a permutation of parent {}, of {}", moved.parent, parents));
    RecordedPermutation step =
        stored_permutation(repository_, claim.commit.id, moved.permutation, claim.path, claim.ours);
    const Digest spec = sha256(as_bytes(spec_text(step.spec)));
    const auto named = std::find_if(claim.merge.specs.begin(), claim.merge.specs.end(),
                                    [&](const SpecRecord& each) { return each.spec == spec; });
    if (named == claim.merge.specs.end())
      refuse(fmt::format("permutation {} is by spec {}, which no Mgit-Merge-Spec names",
                         moved.permutation.hex().substr(0, 12), spec.hex().substr(0, 12)));
    claim.allowed = specs_.require_allowed(
        step.spec, *named, claim.ours.path,
        {claim.commit.parents.front(), claim.commit.id, claim.commit.parents[moved.parent - 1]});
    recorded.moved[moved.parent - 1] = std::move(step);
  }
  return recorded;
}

std::string MergeVerifier::check_merge(const Commit& commit, const MergeRecord& merge,
                                       const RepairRecord* repair) {
  const std::size_t parents = commit.parents.size();
  if (parents < 2) refuse("it records a merge and has one parent");
  for (const Oid& parent : commit.parents)
    if (!is_here(repository_, parent))
      throw NotProven(Verdict::kMissing,
                      fmt::format("its parent {} is not in this repository", parent.brief()));
  if (merge.strategy != "none" && find_strategy(merge.strategy) == nullptr)
    throw NotProven(Verdict::kUnproved,
                    fmt::format("this mgit does not know the strategy '{}'", merge.strategy));
  Claim claim{commit, merge, repair};
  claim.here = require_model(repository_, commit.id, merge.model, commit.id.brief());
  claim.path = claim.here.path;
  const Oid& ours = commit.parents.front();
  const auto path = path_before(repository_, commit.id, ours, claim.path);
  if (!path) refuse("its first parent has no such model");
  claim.ours = require_model(repository_, ours, *path, ours.brief());
  for (std::size_t i = 1; i < parents; ++i) {
    const Oid& parent = commit.parents[i];
    const auto bases = repository_.merge_bases(ours, parent);
    claim.sides.push_back(
        {parent, parent.brief(), bases.empty() ? std::nullopt : std::optional(bases.front())});
  }
  const RecordedMerge recorded = read_record(claim);
  spend(claim.ours, parents);
  const std::vector<RecordedMerge> all = readings(recorded, !merge.weights.empty());
  const std::string how = fmt::format(
      "{} of {} parents{}", merge.strategy == "none" ? "tensors" : merge.strategy, parents,
      claim.allowed.empty() ? "" : fmt::format(", permuted as {} allows", claim.allowed));
  if (repair != nullptr) {
    const std::string repaired = RecordedRepair(repository_, *repair).require_at_hand();
    for (const RecordedMerge& reading : all)
      if (const std::string what = repaired_as_recorded(claim, reading); !what.empty())
        return fmt::format("{}, {} {}", how, what, repaired);
  } else {
    for (const RecordedMerge& reading : all)
      if (follows(claim, reading)) return "computed again: " + how;
  }
  throw NotProven(Verdict::kFailed,
                  claim.first_why.empty() ? "its record does not give this model" : claim.first_why,
                  claim.first_tensor);
}

namespace {

MergeOptions options_for(const MergeRecord& merge, const RecordedMerge& recorded) {
  MergeOptions options;
  if (merge.strategy != "none") options.strategy = merge.strategy;
  options.repair = !merge.repair.empty();
  options.recorded = &recorded;
  return options;
}

/// Whether the plan can be carried out; else why not.
std::string obstacle(const std::optional<ModelPlan>& plan) {
  if (!plan) return "no parent has another model than the first";
  if (!plan->conflicts.empty())
    return "merging its parents is a conflict: " + plan->conflicts.front();
  return {};
}

}  // namespace

bool MergeVerifier::follows(Claim& claim, const RecordedMerge& recorded) {
  const auto plan = plan_recorded(repository_, claim.commit.parents.front(), claim.sides,
                                  claim.ours, options_for(claim.merge, recorded));
  std::string why = obstacle(plan);
  std::string tensor;
  if (why.empty()) {
    HashingBatch nothing;
    const MergedModel merged = combine(repository_, nothing, *plan);
    const auto made = merge_record(nothing, *plan, merged);
    try {
      if (merged.parts.size() != claim.here.parts.size())
        refuse("its tensors are dealt out to other files than merging gives");
      for (std::size_t i = 0; i < merged.parts.size(); ++i)
        require_same_checkpoint(claim.here.parts[i].manifest, merged.parts[i],
                                claim.here.parts[i].path, "merging its parents as recorded");
      if (made && same_record(*made, claim.merge)) return true;
      why = fmt::format("its record says '{}', and merging gives '{}'", claim.merge.tensors,
                        made ? made->tensors : "nothing to record");
    } catch (const NotProven& error) {
      why = error.what();
      tensor = error.tensor();
    }
  }
  if (claim.first_why.empty()) {
    claim.first_why = std::move(why);
    claim.first_tensor = std::move(tensor);
  }
  return false;
}

/// What the repair did, in words; empty if it does not give the commit's model.
std::string MergeVerifier::repaired_as_recorded(Claim& claim, const RecordedMerge& recorded) {
  const auto plan = plan_recorded(repository_, claim.commit.parents.front(), claim.sides,
                                  claim.ours, options_for(claim.merge, recorded));
  if (const std::string why = obstacle(plan); !why.empty()) {
    if (claim.first_why.empty()) claim.first_why = why;
    return {};
  }
  const auto batch = repository_.store().begin();  // what is repaired is read from the store
  const MergedModel merged = combine(repository_, *batch, *plan);
  const auto made = merge_record(*batch, *plan, merged);
  if (!made || !same_record(*made, claim.merge)) return {};
  batch->commit();
  std::vector<std::unique_ptr<MergedSideSource>> sources;
  std::vector<RepairParent> parents;
  for (const SidePlan& side : plan->sides) {
    if (side.weight == 0) continue;
    sources.push_back(std::make_unique<MergedSideSource>(
        repository_, side.model, moves(side) ? &*plan->spec : nullptr,
        moves(side) ? &side.match->permutation : nullptr));
    parents.push_back({side.commit, side.model.path, *sources.back(), side.weight});
  }
  return RecordedRepair(repository_, *claim.repair)
      .require_same(claim.commit.parents.front(), with_parts(plan->home_model(), merged.parts),
                    parents, claim.here);
}

std::string MergeVerifier::check_repair(const Commit& commit, const RepairRecord& record) {
  if (commit.parents.size() != 1) refuse("it records a repair and is no commit on one parent");
  const Oid& parent = commit.parents.front();
  if (!is_here(repository_, parent))
    throw NotProven(Verdict::kMissing,
                    fmt::format("its parent {} is not in this repository", parent.brief()));
  const CommittedModel here =
      require_model(repository_, commit.id, record.model, commit.id.brief());
  const CommittedModel before = require_model(repository_, parent, here.path, parent.brief());
  const RecordedRepair repair(repository_, record);
  const std::string data = repair.require_at_hand();
  std::vector<std::unique_ptr<MergedSideSource>> sources;
  std::vector<RepairParent> parents;
  const auto merge = repair.needs_parents() ? merge_behind(repository_, parent, here.path)
                                            : std::optional<ModelMerge>();
  if (merge)
    for (const MergedSide& side : merge->sides) {
      sources.push_back(std::make_unique<MergedSideSource>(
          repository_, side.model, side.moved ? &side.moved->spec : nullptr,
          side.moved ? &side.moved->permutation : nullptr));
      parents.push_back({side.commit, side.model.path, *sources.back(), side.weight});
    }
  return repair.require_same(parent, before, parents, here) + " " + data;
}

std::vector<std::string> MergeVerifier::unrecorded(const Commit& commit,
                                                   const OperationRecord& record) const {
  std::vector<std::string> paths;
  for (const CommittedModel& here : repository_.list_models(commit.id).models) {
    if (record.merge_of(here.path) != nullptr) continue;
    std::vector<CommittedModel> there;
    for (const Oid& parent : commit.parents)
      if (auto model = past_model(repository_, parent, here.path))
        there.push_back(*std::move(model));
    const auto is_a_parents = [&](const ManifestTensor& tensor) {
      return std::any_of(there.begin(), there.end(), [&](const CommittedModel& model) {
        const ManifestTensor* known = model.manifest.find(tensor.info.name);
        return known != nullptr && *known == tensor;
      });
    };
    if (!there.empty() &&
        !std::all_of(here.manifest.tensors.begin(), here.manifest.tensors.end(), is_a_parents))
      paths.push_back(here.path);
  }
  return paths;
}

}  // namespace mgit
