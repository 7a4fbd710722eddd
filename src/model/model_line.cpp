#include "model/model_line.h"

#include <map>

#include "format/shard_index.h"
#include "mgit/lineage.h"
#include "mgit/match.h"
#include "model/model_spec.h"

namespace mgit {
namespace {

constexpr double kSurelyContinues = 0.5;
constexpr double kSurelyNot = 0.1;

bool model_continues(const TensorSource& older, const TensorSource& newer) {
  const double similarity = cosine(older, newer);
  if (similarity > kSurelyContinues) return true;
  if (similarity < kSurelyNot || older.tensors() != newer.tensors()) return false;
  const auto spec = recognise(older.tensors());
  if (!spec) return false;
  return !worth_moving(match_weights(*spec, older, newer));
}

std::optional<Digest> digest_in(const std::string& value) {
  return Digest::from_hex(value.substr(0, 64));
}

std::string stored_text(Repository& repository, const Digest& object) {
  const Buffer bytes = repository.store().read(object);
  return std::string(as_text(bytes));
}

}  // namespace

std::optional<std::string> trailer(const Commit& commit, std::string_view key) {
  for (const Trailer& found : trailers_of(commit.message))
    if (found.key == key) return found.value;
  return std::nullopt;
}

std::optional<CommittedModel> past_model(const Repository& repository, const Oid& commit,
                                         const std::string& path) {
  try {
    return repository.model_at(commit, path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool continues(Repository& repository, const CommittedModel& older, const CommittedModel& newer) {
  if (same_weights(older, newer)) return true;
  const Digest old_name = model_digest(older);
  const Digest new_name = model_digest(newer);
  Lineage lineage(repository);
  if (const auto known = lineage.continues(old_name, new_name)) return *known;
  repository.need(older, "the older model");
  repository.need(newer, "the newer model");
  const bool verdict = model_continues(*open_model(repository.store(), older),
                                       *open_model(repository.store(), newer));
  lineage.remember_continues(old_name, new_name, verdict);
  return verdict;
}

std::optional<RecordedPermutation> recorded_permutation(Repository& repository,
                                                        const Commit& commit,
                                                        const std::string& path) {
  if (!trailer(commit, "Mgit-Rebase")) return std::nullopt;
  const auto value = trailer(commit, "Mgit-Permutation");
  const auto object = value ? digest_in(*value) : std::nullopt;
  const auto found = past_model(repository, commit.id, path);
  if (!object || !found) return std::nullopt;
  if (!repository.store().contains(*object))
    throw MissingError("the permutation this commit records is not here", commit.id.brief(),
                       "fetch it: mgit fetch");
  const std::vector<TensorInfo> infos = infos_of(found->manifest);
  for (ModelPermutation& model :
       parse_permutation(stored_text(repository, *object), object->hex())) {
    if (!same_model_path(model.path, path)) continue;
    Spec spec = bind_spec(stored_text(repository, model.spec), model.spec.hex(), infos);
    if (spec.groups != model.groups)
      throw CorruptError("the recorded permutation does not fit its spec", commit.id.brief());
    return RecordedPermutation{commit.id, std::move(spec), std::move(model.permutation)};
  }
  return std::nullopt;
}

std::vector<RecordedPermutation> recorded_since(Repository& repository,
                                                const std::optional<Oid>& base, const Oid& tip,
                                                const std::string& path) {
  std::vector<RecordedPermutation> found;
  std::optional<Oid> current = tip;
  while (current && !(base && repository.is_ancestor(*current, *base))) {
    const Commit commit = repository.commit(*current);
    if (auto recorded = recorded_permutation(repository, commit, path)) {
      found.push_back(*std::move(recorded));
      const auto origin = trailer(commit, "Mgit-Origin");
      current = origin ? repository.resolve(*origin) : std::nullopt;
    } else {
      current = commit.parents.empty() ? std::nullopt : std::optional(commit.parents.front());
    }
  }
  return found;
}

bool line_holds(Repository& repository, const CommittedModel& base, const CommittedModel& tip,
                const std::vector<RecordedPermutation>& recorded) {
  if (recorded.empty()) return continues(repository, base, tip);
  repository.need(base, "the merge base");
  repository.need(tip, "the rebased model");
  std::vector<std::unique_ptr<TensorSource>> undone;
  undone.push_back(open_model(repository.store(), tip));
  std::vector<Permutation> inverses;
  inverses.reserve(recorded.size());  // PermutedModel keeps references
  for (const RecordedPermutation& step : recorded) {
    inverses.push_back(inverse(step.permutation));
    undone.push_back(std::make_unique<PermutedModel>(*undone.back(), step.spec, inverses.back()));
  }
  return model_continues(*open_model(repository.store(), base), *undone.back());
}

std::set<Oid> trainings(Repository& repository, const Oid& start, const std::string& path) {
  Oid current = start;
  while (true) {
    const Commit commit = repository.commit(current);
    const auto here = past_model(repository, current, path);
    if (!here) return {};
    if (trailer(commit, "Mgit-Merge") && commit.parents.size() > 1) {
      std::set<Oid> all;
      for (const Oid& parent : commit.parents) all.merge(trainings(repository, parent, path));
      return all;
    }
    if (trailer(commit, "Mgit-Rebase")) {
      const auto origin = trailer(commit, "Mgit-Origin");
      if (const auto rewritten_from = origin ? repository.resolve(*origin) : std::nullopt) {
        current = *rewritten_from;
        continue;
      }
    }
    std::optional<Oid> unchanged_in;
    for (const Oid& parent : commit.parents) {
      const auto there = past_model(repository, parent, path);
      if (there && same_weights(*there, *here) && !unchanged_in) unchanged_in = parent;
    }
    if (unchanged_in) {
      current = *unchanged_in;
      continue;
    }
    const auto before = commit.parents.empty()
                            ? std::nullopt
                            : past_model(repository, commit.parents.front(), path);
    if (!before || !continues(repository, *before, *here)) return {current};
    current = commit.parents.front();
  }
}

}  // namespace mgit
