// Lines of training: does one model continue another, and what was done to it on the way?
//
// Git's history says which commits are shared, not what weights contain (DESIGN section 7, "Which
// base a model has").
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "mgit/perm.h"

namespace mgit {

/// The model that a commit has at `path`; nullopt also where a sharded set was not complete, as it
/// may be in history, though not at a tip.
std::optional<CommittedModel> past_model(const Repository& repository, const Oid& commit,
                                         const std::string& path);

/// True if `newer` was trained on from `older`: cosine over tensors of rank 2 or more above 0.5;
/// below 0.1 no; between them, yes if matching improves on the identity by at most 1 %. Verdicts
/// are cached in lineage.db.
bool continues(Repository& repository, const CommittedModel& older, const CommittedModel& newer);

/// A permutation that a rebase recorded, with what is needed to apply or undo it.
struct RecordedPermutation {
  Oid commit;
  Spec spec;
  Permutation permutation;
};

/// The permutation of `path` that a commit's trailers record; nullopt if it is no rebased commit.
std::optional<RecordedPermutation> recorded_permutation(Repository& repository,
                                                        const Commit& commit,
                                                        const std::string& path);

/// What rebases did to the model since `base`, newest first: follows first parents, and from a
/// rewritten commit its origin.
std::vector<RecordedPermutation> recorded_since(Repository& repository,
                                                const std::optional<Oid>& base, const Oid& tip,
                                                const std::string& path);

/// The model of `tip` with the recorded permutations undone continues the base's?
bool line_holds(Repository& repository, const CommittedModel& base, const CommittedModel& tip,
                const std::vector<RecordedPermutation>& recorded);

/// The distinct trainings that the model of a commit holds, each named by the commit that brought
/// it in. A merge holds those of its parents; training on adds none; a rebase changes none.
std::set<Oid> trainings(Repository& repository, const Oid& commit, const std::string& path);

/// Value of the first trailer with this key.
std::optional<std::string> trailer(const Commit& commit, std::string_view key);

}  // namespace mgit
