#include "workflow/verify/verify_rebase.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/words.h"
#include "format/shard_index.h"
#include "git/object_database.h"
#include "model/adapter_base.h"
#include "model/model_line.h"
#include "model/model_spec.h"
#include "model/permute_checkpoint.h"
#include "workflow/rebase.h"
#include "workflow/rebase_adapters.h"
#include "workflow/verify/hashing_batch.h"

namespace mgit {
namespace {

[[noreturn]] void fail(const std::string& what) { throw NotProven(Verdict::kFailed, what); }

/// The commit that the record names, once it is known to be one and another than this.
Oid require_origin(const Repository& repository, const Commit& commit, const RebaseRecord& record,
                   const std::vector<Trailer>& trailers) {
  const auto named = std::find_if(trailers.rbegin(), trailers.rend(), [](const Trailer& trailer) {
    return trailer.key == "Mgit-Origin";
  });
  if (named == trailers.rend()) fail("its record names no Mgit-Origin to compare it with");
  if (!record.origin)
    fail(fmt::format("Mgit-Origin is '{}', not the full name of a commit", named->value));
  const Oid& origin = *record.origin;
  if (origin == commit.id) fail("Mgit-Origin names the commit itself");
  const ObjectDatabase objects(repository, ObjectDatabase::Mode::kOnlyName);
  try {
    if (objects.type(origin) != ObjectType::kCommit)
      fail(fmt::format("Mgit-Origin {} is no commit", origin.brief()));
  } catch (const MissingError&) {
    throw NotProven(Verdict::kMissing,
                    fmt::format("its origin {} is not in this repository", origin.brief()));
  }
  // Only a note can name what came after its commit.
  if (trailers_of(commit.message).empty() && repository.is_ancestor(commit.id, origin))
    fail(fmt::format("Mgit-Origin {} was made from the commit itself", origin.brief()));
  return origin;
}

std::vector<ModelPermutation> require_permutations(const Workspace& repository,
                                                   const RebaseRecord& record) {
  if (!record.permutation) fail("its record names no Mgit-Permutation");
  const std::string name = "permutation " + record.permutation->hex().substr(0, 12);
  std::vector<ModelPermutation> permutations;
  try {
    permutations = parse_permutation(recorded_text(repository, *record.permutation), name);
  } catch (const CorruptError& error) {
    fail(fmt::format("{}: {}", error.where().empty() ? name : error.where(), error.what()));
  }
  for (const ModelPermutation& each : permutations)
    if (std::none_of(record.specs.begin(), record.specs.end(),
                     [&](const SpecRecord& spec) { return spec.spec == each.spec; }))
      fail(fmt::format("{} is by spec {}, which no Mgit-Spec names", name,
                       each.spec.hex().substr(0, 12)));
  return permutations;
}

bool same_model_files(const CommittedModel& a, const CommittedModel& b) {
  return same_weights(a, b) && a.parts.size() == b.parts.size();
}

std::size_t moved_units(const Permutation& permutation) {
  std::size_t moved = 0;
  for (const Gather& group : permutation.groups)
    for (std::size_t i = 0; i < group.size(); ++i)
      if (group[i] != i) ++moved;
  return moved;
}

}  // namespace

/// What one commit says.
struct RebaseVerifier::Claim {
  const Commit& commit;
  const RebaseRecord& record;
  Oid origin{};
  std::vector<ModelPermutation> permutations{};
  std::vector<Oid> speaking{};  // commits whose configuration may speak for the specs
  std::size_t moved = 0;        // models that are other than their origin's
};

std::vector<Finding> RebaseVerifier::verify(const Commit& commit, const RebaseRecord& record,
                                            const std::vector<Trailer>& trailers) {
  std::vector<Finding> findings;
  Claim claim{commit, record};
  Finding head = finding_of("rebase", commit.id, "", [&] {
    claim.origin = require_origin(repository_, commit, record, trailers);
    claim.permutations = require_permutations(repository_, record);
    return std::string();
  });
  if (head.verdict != Verdict::kProven) return {std::move(head)};
  const auto& [newest, tip] =
      newest_.emplace(*record.permutation, std::pair(commit.id, claim.origin)).first->second;
  claim.speaking = {commit.id, claim.origin, newest, tip};
  const ModelListing here = repository_.list_models(commit.id);
  for (const Error& problem : here.problems)
    findings.push_back({Verdict::kFailed, "rebase", commit.id, problem.where(), problem.what()});
  for (const CommittedModel& model : here.models)
    findings.push_back(
        finding_of("rebase", commit.id, model.path, [&] { return check_model(claim, model); }));
  for (const CommittedModel& before : repository_.list_models(claim.origin).models)
    if (!past_model(repository_, commit.id, before.path) &&
        (commit.parents.empty() || past_model(repository_, commit.parents.front(), before.path)))
      findings.push_back(
          {Verdict::kFailed, "rebase", commit.id, before.path,
           fmt::format("its origin {} has it; here it is gone", claim.origin.brief())});
  const bool sound = std::all_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.verdict == Verdict::kProven;
  });
  if (sound && claim.moved == 0)
    return {
        {Verdict::kFailed, "rebase", commit.id, "",
         fmt::format("no model is permuted: all are as in its origin {}", claim.origin.brief())}};
  std::erase_if(findings, [](const Finding& finding) { return finding.what.empty(); });
  return findings;
}

/// Empty words for a model that the rebase left alone.
std::string RebaseVerifier::check_model(Claim& claim, const CommittedModel& here) {
  auto before = past_model(repository_, claim.origin, here.path);
  const auto moved = std::find_if(
      claim.permutations.begin(), claim.permutations.end(),
      [&](const ModelPermutation& each) { return same_model_path(each.path, here.path); });
  if (moved == claim.permutations.end() || !before) return check_unmoved(claim, here, before);
  if (!same_model_files(*before, here)) {
    ++claim.moved;
    return check_moved(claim, here, *before, *moved);
  }
  try {  // left alone, unless its units are all alike
    check_moved(claim, here, *before, *moved);
    ++claim.moved;
  } catch (const NotProven&) {
  }
  return {};
}

std::string RebaseVerifier::check_unmoved(const Claim& claim, const CommittedModel& here,
                                          const std::optional<CommittedModel>& before) const {
  if (before && same_model_files(*before, here)) return {};
  for (const Oid& parent : claim.commit.parents)
    if (const auto there = past_model(repository_, parent, here.path))
      if (same_model_files(*there, here)) return {};
  if (!before) fail(fmt::format("its origin {} has no such model", claim.origin.brief()));
  require_same_checkpoint(
      here.manifest, before->manifest, here.path,
      fmt::format("its origin {}, from which nothing was moved", claim.origin.brief()));
  fail(fmt::format("its files are not those of its origin {}", claim.origin.brief()));
}

std::string RebaseVerifier::check_moved(Claim& claim, const CommittedModel& here,
                                        const CommittedModel& before,
                                        const ModelPermutation& moved) {
  if (infos_of(here.manifest) != infos_of(before.manifest))
    fail(fmt::format("its tensors have other names, dtypes or shapes than in its origin {}",
                     claim.origin.brief()));
  const std::string name = "spec " + moved.spec.hex().substr(0, 12);
  Spec spec =
      bind_recorded_spec(recorded_text(repository_, moved.spec), name, infos_of(before.manifest));
  if (spec.groups != moved.groups) fail(fmt::format("its permutation does not fit {}", name));
  const std::string by = check_spec(claim, here, moved, spec);
  repository_.need(before, claim.origin.brief() + ":" + before.path);
  if (before.parts.size() != here.parts.size() || before.index != here.index)
    fail(fmt::format("its tensors are dealt out otherwise than in its origin {}",
                     claim.origin.brief()));
  const std::string as = fmt::format("its origin {}, permuted,", claim.origin.brief());
  const Digest key = sha256(as_bytes(claim.record.permutation->hex() + moved.path));
  for (std::size_t i = 0; i < here.parts.size(); ++i) {
    const Digest found = sha256(as_bytes(manifest_text(here.parts[i].manifest)));
    const auto known = permuted_.find({key, before.parts[i].file.blob});
    if (known != permuted_.end() && known->second == found) continue;
    HashingBatch nothing;
    const Manifest expected = permute_checkpoint(repository_.store(), nothing,
                                                 before.parts[i].manifest, spec, moved.permutation);
    permuted_[{key, before.parts[i].file.blob}] = sha256(as_bytes(manifest_text(expected)));
    require_same_checkpoint(here.parts[i].manifest, expected, here.parts[i].path, as);
  }
  return fmt::format("its origin {} with {} moved, allowed by {}", claim.origin.brief(),
                     counted(moved_units(moved.permutation), "unit"), by);
}

std::string RebaseVerifier::check_spec(const Claim& claim, const CommittedModel& here,
                                       const ModelPermutation& moved, const Spec& spec) {
  if (is_adapter(here)) {
    check_adapter(claim, here, moved);
    return "the model that it adapts";
  }
  const auto recorded =
      std::find_if(claim.record.specs.begin(), claim.record.specs.end(),
                   [&](const SpecRecord& each) { return each.spec == moved.spec; });
  return specs_.require_allowed(spec, *recorded, here.path, claim.speaking);
}

/// An adapter has to move exactly as its model does. Which one that is was told at the tip of what
/// was rebased.
void RebaseVerifier::check_adapter(const Claim& claim, const CommittedModel& adapter,
                                   const ModelPermutation& moved) const {
  if (!claim.record.onto) fail("its record does not say onto what it was rebased");
  if (moves_with_its_model(claim, claim.origin, adapter, moved) ||
      moves_with_its_model(claim, claim.speaking.back(), adapter, moved))
    return;
  fail("it is not moved as the model that it adapts");
}

bool RebaseVerifier::moves_with_its_model(const Claim& claim, const Oid& tip,
                                          const CommittedModel& adapter,
                                          const ModelPermutation& moved) const {
  std::vector<CommittedModel> models = models_at(repository_, tip);
  std::erase_if(models, [](const CommittedModel& model) { return is_adapter(model); });
  std::vector<RebasedModel> rebased;
  for (const ModelPermutation& each : claim.permutations) {
    const auto model = past_model(repository_, tip, each.path);
    if (!model || is_adapter(*model)) continue;
    RebasedModel step;
    step.path = model->path;
    step.spec = bind_recorded_spec(recorded_text(repository_, each.spec), each.spec.hex(),
                                   infos_of(model->manifest));
    step.match.permutation = each.permutation;
    rebased.push_back(std::move(step));
  }
  try {
    for (const MovedAdapter& expected :
         moved_adapters(repository_, tip, *claim.record.onto, {adapter}, models, rebased))
      if (sha256(as_bytes(spec_text(expected.carried.spec))) == moved.spec &&
          expected.carried.permutation == moved.permutation)
        return true;
  } catch (const MissingError&) {
    throw;
  } catch (const Error&) {  // which model it adapts is not known at this commit
  }
  return false;
}

}  // namespace mgit
