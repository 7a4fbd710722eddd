// Who may take part in the merge of one of our models: the sides that have it with other weights,
// and what each of them started from.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mgit/workspace.h"
#include "model/model_line.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// A side that has this model, and what it started from.
struct Candidate {
  const MergeSide* side;
  std::size_t number;  // among the sides, from 1
  CommittedModel model;
  std::optional<Oid> base_commit;
  std::optional<CommittedModel> base;
  std::string base_path;
  std::vector<RecordedPermutation> recorded;      // theirs, since the base
  std::vector<RecordedPermutation> our_recorded;  // ours, since the base
  bool changed = true;                            // theirs is not what the base has
  bool ours_changed = true;                       // ours is not what the base has
  bool in_our_form = false;                       // its weights, in our file
};

struct Candidates {
  std::vector<Candidate> candidates;   // in the order of the sides
  std::vector<std::size_t> like_ours;  // parents that have our model, counted from 1
};

/// Follows renames, and recorded rebases: a side that is a rebase of what the other's history holds
/// started there, whatever git's merge base is. Keeps references to `sides`. Reads the base's
/// weights only where something moved them. Throws MissingError if objects are nowhere.
Candidates find_candidates(Workspace& repository, const Oid& our_commit, const CommittedModel& ours,
                           const std::vector<MergeSide>& sides);

/// Whether two models have tensors of the same names, shapes and dtypes.
bool same_form(const CommittedModel& a, const CommittedModel& b);

/// Brings a model of `commit`, and the steps that led to it, into the form of another one
/// (model_form). False if it has other weights: then nothing changed.
bool bring_into_form(const Repository& repository,
                     const std::pair<const Oid&, const CommittedModel&>& ours, const Oid& commit,
                     CommittedModel& model, std::vector<RecordedPermutation>& steps);

}  // namespace mgit
