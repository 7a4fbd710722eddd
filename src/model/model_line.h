// Lines of training: what was done to a model on its way from one commit to another?
//
// Git's history says which commits are shared, not what weights contain (DESIGN section 7, "Which
// base a model has"). Records in messages and notes are written by anyone: an origin counts if it
// is the full name of a commit that is here and has the model, a permutation if it fits the model
// at that commit; any other counts as not there. Every walk visits a commit once, so that it costs
// what the history is long, whatever merges and origins it holds.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mgit/perm.h"
#include "mgit/workspace.h"
#include "model/continuation.h"

namespace mgit {

/// The model that a commit has at `path`; nullopt also where a sharded set was not complete, as it
/// may be in history, though not at a tip, and where the commit is not here.
std::optional<CommittedModel> past_model(const Repository& repository, const Oid& commit,
                                         const std::string& path);

/// Where `commit`'s parent has the model that `commit` has at `path`: the path itself, or the one
/// that it was renamed from. nullopt if the model is new.
std::optional<std::string> path_before(const Repository& repository, const Oid& commit,
                                       const Oid& parent, const std::string& path);

/// The nearest commit with a model at `path`, from `commit` on (which may be it) through commits
/// that have that file whole, because somebody without mgit committed it. nullopt if there is none.
/// So a line of training goes on where such files came in between.
std::optional<Oid> model_behind_raw(const Repository& repository, const Oid& commit,
                                    const std::string& path);

/// A permutation that a rebase recorded, with what is needed to apply or undo it.
struct RecordedPermutation {
  Oid commit;
  Spec spec;
  Permutation permutation;
};

/// The permutation of `path` that a commit's record names; nullopt if it is no rebased commit. One
/// that cannot be had, or does not fit the model, is none; stderr says so once.
std::optional<RecordedPermutation> recorded_permutation(Workspace& repository, const Commit& commit,
                                                        const std::string& path);

/// The permutation of `path` in an object that a commit's record names, for a model with these
/// shapes. Throws Error for one that cannot be had, holds none for that path, or does not fit.
RecordedPermutation stored_permutation(const Workspace& repository, const Oid& commit,
                                       const Digest& object, const std::string& path,
                                       const CommittedModel& model);

/// The text of an object that a record names, a permutation or a spec; fetched where it is not
/// here. Throws MissingError, or CorruptError for bytes that are not what their name says.
std::string recorded_text(const Workspace& repository, const Digest& object);

/// What rebases did to the model since `base`, newest first: follows first parents, and from a
/// rewritten commit its origin.
std::vector<RecordedPermutation> recorded_since(Workspace& repository,
                                                const std::optional<Oid>& base, const Oid& tip,
                                                const std::string& path);

/// Where tip's line left other's: the first commit that is reached from `tip` through recorded
/// rebases and that `other` holds. It lies beyond `base`; nullopt if there is none. So a branch
/// that was rebased and pushed again is told from one that was built on what it was before.
std::optional<Oid> rebased_from(const Repository& repository, const std::optional<Oid>& base,
                                const Oid& tip, const Oid& other, const std::string& path);

/// The model of `tip` with the recorded permutations undone continues the base's?
bool line_holds(Workspace& repository, const CommittedModel& base, const CommittedModel& tip,
                const std::vector<RecordedPermutation>& recorded);

/// The distinct trainings that the model of a commit holds, each named by the commit that brought
/// it in. A merge holds those of its parents; training on adds none; a rebase changes none. Empty
/// only if there is no model.
std::set<Oid> trainings(Workspace& repository, const Oid& commit, const std::string& path);

/// The commits since `base` that trained what the model of `tip` is: each that changed it and is
/// neither merge nor repair. A rebased commit counts as the one that it was.
std::set<Oid> trained_since(const Repository& repository, const std::optional<Oid>& base,
                            const Oid& tip, const std::string& path);

}  // namespace mgit
