#include "model/model_line.h"

#include <fmt/format.h>

#include <cstdio>
#include <deque>

#include "format/shard_index.h"
#include "git/prefetch.h"
#include "model/model_spec.h"
#include "model/operation_record.h"

namespace mgit {
namespace {

std::optional<Commit> find_commit(const Repository& repository, const Oid& id) {
  try {
    return repository.commit(id);
  } catch (const Error&) {
    return std::nullopt;  // beyond the end of a shallow history, or a name that somebody made up
  }
}

void say_once(const Oid& commit, const std::string& what) {
  static std::set<Oid> said;
  if (said.insert(commit).second)
    fmt::print(stderr, "warning: {}: its record of a rebase does not count: {}\n", commit.brief(),
               what);
}

/// Of a commit that a rebase rewrote: the commit that it was, if that has this model.
std::optional<Oid> believed_origin(const Repository& repository, const RebaseRecord& rebase,
                                   const CommittedModel& rewritten) {
  if (!rebase.origin) return std::nullopt;
  const auto before = past_model(repository, *rebase.origin, rewritten.path);
  if (!before || infos_of(before->manifest) != infos_of(rewritten.manifest)) return std::nullopt;
  return rebase.origin;
}

RecordedPermutation read_permutation(const Workspace& repository, const Oid& commit,
                                     const ModelPermutation& model, const CommittedModel& there) {
  Spec spec = bind_recorded_spec(recorded_text(repository, model.spec), model.spec.hex(),
                                 infos_of(there.manifest));
  if (spec.groups != model.groups) throw CorruptError("it does not fit its spec");
  return {commit, std::move(spec), model.permutation};
}

std::optional<RecordedPermutation> permutation_for(const Workspace& repository, const Oid& commit,
                                                   const Digest& object, const std::string& path,
                                                   const CommittedModel& there) {
  const std::string text = recorded_text(repository, object);
  for (const ModelPermutation& model : parse_permutation(text, object.hex()))
    if (same_model_path(model.path, path))
      return read_permutation(repository, commit, model, there);
  return std::nullopt;
}

std::optional<RecordedPermutation> permutation_in(const Workspace& repository, const Oid& commit,
                                                  const RebaseRecord& rebase,
                                                  const CommittedModel& there) {
  if (!rebase.permutation) return std::nullopt;
  try {
    return permutation_for(repository, commit, *rebase.permutation, there.path, there);
  } catch (const Error& error) {
    say_once(commit, error.what());
  }
  return std::nullopt;
}

/// The commits that `base` does not reach. Asked along a history, it walks each of them once.
class BeyondBase {
 public:
  BeyondBase(const Repository& repository, const std::optional<Oid>& base)
      : repository_(repository), limited_(base) {
    if (base) walked_.push_back(*base);
  }

  bool contains(const Oid& commit) {
    if (!limited_ || beyond_.contains(commit)) return true;
    for (const Oid& id : repository_.history(walked_, {commit})) beyond_.insert(id);
    walked_.push_back(commit);
    return beyond_.contains(commit);
  }

 private:
  const Repository& repository_;
  bool limited_;
  std::vector<Oid> walked_;
  std::set<Oid> beyond_;
};

/// A model in a history.
struct Place {
  Oid commit;
  std::string path;
  auto operator<=>(const Place&) const = default;
};

/// Where the model was before the rebase that the record names; nullopt if it names none, or none
/// that is to be believed.
std::optional<Place> place_rebased(const Repository& repository, const OperationRecord& record,
                                   const Place& place, const CommittedModel& here) {
  if (!record.rebase) return std::nullopt;
  const auto origin = believed_origin(repository, *record.rebase, here);
  return origin ? std::optional(Place{*origin, place.path}) : std::nullopt;
}

/// Walks from a model to the trainings that it holds.
class TrainingWalk {
 public:
  explicit TrainingWalk(const Workspace& repository)
      : repository_(repository), operations_(repository), continuation_(repository) {}

  std::set<Oid> run(const Place& start) {
    prefetch_history(repository_, start.commit);
    pending_ = {start};
    while (!pending_.empty()) {
      const Place place = pending_.back();
      pending_.pop_back();
      if (seen_.insert(place).second) visit(place);
    }
    // Records that lead round in a circle name no beginning.
    if (trainings_.empty() && past_model(repository_, start.commit, start.path))
      trainings_.insert(start.commit);
    return std::move(trainings_);
  }

 private:
  void visit(const Place& place) {
    const auto here = past_model(repository_, place.commit, place.path);
    if (!here) return;
    const Commit commit = repository_.commit(place.commit);
    const OperationRecord record = operations_.of(commit);
    if (commit.parents.size() == 1 && record.repair_of(place.path) != nullptr) {
      follow(place, commit.parents.front());
      return;
    }
    if (commit.parents.size() > 1 && record.merge_of(place.path) != nullptr) {
      for (const Oid& parent : commit.parents) follow(place, parent);
      return;
    }
    if (const auto origin = place_rebased(repository_, record, place, *here)) {
      pending_.push_back(*origin);
      return;
    }
    for (const Oid& parent : commit.parents) {
      const auto path = path_before(repository_, place.commit, parent, place.path);
      const auto there = path ? past_model(repository_, parent, *path) : std::nullopt;
      if (there && same_weights(*there, *here)) {
        pending_.push_back({parent, *path});
        return;
      }
    }
    visit_change(place, commit, *here);
  }

  void visit_change(const Place& place, const Commit& commit, const CommittedModel& here) {
    if (!commit.parents.empty()) {
      const auto origin = place_before(place, commit.parents.front());
      const auto before =
          origin ? past_model(repository_, origin->commit, origin->path) : std::nullopt;
      if (before && continuation_.continues(*before, here)) {
        pending_.push_back(*origin);
        return;
      }
    }
    trainings_.insert(place.commit);
  }

  void follow(const Place& place, const Oid& parent) {
    if (const auto before = place_before(place, parent)) pending_.push_back(*before);
  }

  /// The model that `parent` has for this one, or had before somebody committed it without mgit.
  std::optional<Place> place_before(const Place& place, const Oid& parent) const {
    if (const auto path = path_before(repository_, place.commit, parent, place.path))
      return Place{parent, *path};
    if (const auto commit = model_behind_raw(repository_, parent, place.path))
      return Place{*commit, place.path};
    return std::nullopt;
  }

  const Workspace& repository_;
  OperationReader operations_;
  Continuation continuation_;
  std::vector<Place> pending_;
  std::set<Place> seen_;
  std::set<Oid> trainings_;
};

/// Walks from a model to every commit that trained it.
class TrainedWalk {
 public:
  TrainedWalk(const Repository& repository, const std::optional<Oid>& base)
      : repository_(repository), operations_(repository), beyond_(repository, base) {}

  std::set<Oid> run(const Place& start) {
    pending_ = {start};
    while (!pending_.empty()) {
      const Place place = pending_.back();
      pending_.pop_back();
      if (beyond_.contains(place.commit) && seen_.insert(place).second) visit(place);
    }
    return std::move(trained_);
  }

 private:
  void visit(const Place& place) {
    const auto here = past_model(repository_, place.commit, place.path);
    if (!here) return;
    const Commit commit = repository_.commit(place.commit);
    const OperationRecord record = operations_.of(commit);
    if (const auto origin = place_rebased(repository_, record, place, *here)) {
      pending_.push_back(*origin);
      return;
    }
    std::vector<Place> before;
    for (const Oid& parent : commit.parents) {
      const auto path = path_before(repository_, place.commit, parent, place.path);
      const auto there = path ? past_model(repository_, parent, *path) : std::nullopt;
      if (!there) continue;
      before.push_back({parent, *path});
      if (!same_weights(*there, *here)) continue;
      pending_.push_back(before.back());
      return;
    }
    pending_.insert(pending_.end(), before.begin(), before.end());
    if (commit.parents.size() < 2 && record.repair_of(place.path) == nullptr)
      trained_.insert(place.commit);
  }

  const Repository& repository_;
  OperationReader operations_;
  BeyondBase beyond_;
  std::vector<Place> pending_;
  std::set<Place> seen_;
  std::set<Oid> trained_;
};

}  // namespace

std::string recorded_text(const Workspace& repository, const Digest& object) {
  if (!repository.store().contains(object)) {
    try {
      Manifest wanted;  // names nothing else: whatever fetches models fetches this
      wanted.layout = object;
      repository.need(wanted, "a recorded permutation");
    } catch (const MissingError&) {
      throw MissingError(fmt::format("object {} is not available", object.hex().substr(0, 12)));
    }
  }
  return std::string(as_text(repository.store().read(object)));
}

std::optional<CommittedModel> past_model(const Repository& repository, const Oid& commit,
                                         const std::string& path) {
  try {
    return repository.model_at(commit, path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> path_before(const Repository& repository, const Oid& commit,
                                       const Oid& parent, const std::string& path) {
  if (past_model(repository, parent, path)) return path;
  const auto here = past_model(repository, commit, path);
  if (!here || !find_commit(repository, parent)) return std::nullopt;
  const std::vector<TensorInfo> infos = infos_of(here->manifest);
  std::vector<std::string> alike;
  for (const CommittedModel& model : repository.list_models(parent).models) {
    if (infos_of(model.manifest) != infos || past_model(repository, commit, model.path)) continue;
    if (same_weights(model, *here)) return model.path;
    alike.push_back(model.path);
  }
  return alike.size() == 1 ? std::optional(alike.front()) : std::nullopt;
}

std::optional<Oid> model_behind_raw(const Repository& repository, const Oid& commit,
                                    const std::string& path) {
  std::set<Oid> seen;
  std::deque<Oid> pending{commit};
  while (!pending.empty()) {
    const Oid id = pending.front();
    pending.pop_front();
    if (!seen.insert(id).second) continue;
    if (past_model(repository, id, path)) return id;
    const auto found = find_commit(repository, id);
    if (!found || !repository.file_at(id, path)) continue;
    pending.insert(pending.end(), found->parents.begin(), found->parents.end());
  }
  return std::nullopt;
}

std::optional<RecordedPermutation> recorded_permutation(Workspace& repository, const Commit& commit,
                                                        const std::string& path) {
  const OperationRecord record = OperationReader(repository).of(commit);
  const auto there = record.rebase ? past_model(repository, commit.id, path) : std::nullopt;
  return there ? permutation_in(repository, commit.id, *record.rebase, *there) : std::nullopt;
}

RecordedPermutation stored_permutation(const Workspace& repository, const Oid& commit,
                                       const Digest& object, const std::string& path,
                                       const CommittedModel& model) {
  auto found = permutation_for(repository, commit, object, path, model);
  if (!found)
    throw CorruptError(
        fmt::format("permutation {} has none of {}", object.hex().substr(0, 12), quote_name(path)),
        commit.brief());
  return *std::move(found);
}

std::vector<RecordedPermutation> recorded_since(Workspace& repository,
                                                const std::optional<Oid>& base, const Oid& tip,
                                                const std::string& start) {
  std::vector<RecordedPermutation> found;
  OperationReader operations(repository);
  BeyondBase beyond(repository, base);
  std::set<Oid> seen;
  std::string path = start;
  std::optional<Oid> current = tip;
  while (current && seen.insert(*current).second && beyond.contains(*current)) {
    const auto commit = find_commit(repository, *current);
    if (!commit) break;
    const OperationRecord record = operations.of(*commit);
    const auto there = record.rebase ? past_model(repository, *current, path) : std::nullopt;
    auto recorded = there ? permutation_in(repository, *current, *record.rebase, *there)
                          : std::optional<RecordedPermutation>();
    if (recorded) {
      found.push_back(*std::move(recorded));
      current = believed_origin(repository, *record.rebase, *there);
      continue;
    }
    if (commit->parents.empty()) break;
    const Oid parent = commit->parents.front();
    if (const auto before = path_before(repository, *current, parent, path)) path = *before;
    current = parent;
  }
  return found;
}

std::optional<Oid> rebased_from(const Repository& repository, const std::optional<Oid>& base,
                                const Oid& tip, const Oid& other, const std::string& start) {
  OperationReader operations(repository);
  BeyondBase beyond(repository, base);
  BeyondBase not_held(repository, other);
  std::set<Oid> seen;
  std::string path = start;
  bool rebased = false;
  std::optional<Oid> current = tip;
  while (current && seen.insert(*current).second && beyond.contains(*current)) {
    if (!not_held.contains(*current)) return rebased ? current : std::nullopt;
    const auto commit = find_commit(repository, *current);
    if (!commit) break;
    const OperationRecord record = operations.of(*commit);
    const auto there = record.rebase ? past_model(repository, *current, path) : std::nullopt;
    if (const auto origin =
            there ? believed_origin(repository, *record.rebase, *there) : std::nullopt) {
      rebased = true;
      current = origin;
      continue;
    }
    if (commit->parents.empty()) break;
    const Oid parent = commit->parents.front();
    if (const auto before = path_before(repository, *current, parent, path)) path = *before;
    current = parent;
  }
  return std::nullopt;
}

bool line_holds(Workspace& repository, const CommittedModel& base, const CommittedModel& tip,
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
  return continues(*open_model(repository.store(), base), *undone.back());
}

std::set<Oid> trainings(Workspace& repository, const Oid& commit, const std::string& path) {
  return TrainingWalk(repository).run({commit, path});
}

std::set<Oid> trained_since(const Repository& repository, const std::optional<Oid>& base,
                            const Oid& tip, const std::string& path) {
  return TrainedWalk(repository, base).run({tip, path});
}

}  // namespace mgit
