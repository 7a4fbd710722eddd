// Match: the permutation that brings one model closest to another, and what it gains, without a
// rebase. Writes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "match/method.h"
#include "mgit/match.h"
#include "mgit/workspace.h"
#include "workflow/matching.h"

namespace mgit {

/// Models are named by a revision ("main", "main:model.safetensors") or a checkpoint file.
struct MatchRequest {
  std::string a;           // stays
  std::string b;           // is to move
  std::string model_name;  // the name in .mgitconfig, where there are several
  MatchingChoice matching{};
  bool agreement = false;  // also how far the places of each group agree
  /// Called after each sweep.
  std::function<void()> progress{};
};

struct MatchReport {
  std::string path;  // of B, in the repository or of the file
  Spec spec;         // of B's whole file
  MatchResult match;
  CosineReport cosines;
  std::vector<GroupAgreement> agreement;  // parallel to Spec::groups, if it was asked for
  bool norms_left_out = false;            // layer norms' parameters, by the weighting
  bool in_basin = false;                  // a rebase would leave B where it is

  /// What limits the result comes first: groups by their cosine after matching, the lowest first.
  std::vector<std::size_t> by_cosine() const;
  /// What a rebase of B onto A by the same method and seed records as Mgit-Permutation, where this
  /// is its only model.
  std::string permutation() const;
};

/// Matches what a rebase of B onto A would, but a spec that is not proved will do. `repository` may
/// be null: then only files. Throws UsageError for an unknown method, MissingError for a model that
/// is not there, Error for networks that differ or that no spec fits.
MatchReport match_models(const Workspace* repository, const MatchRequest& request);

/// One of two networks to be compared, as messages speak of it.
struct ComparedNetwork {
  std::string_view name;
  const std::vector<TensorInfo>& weights;
};
/// Throws Error with the first difference unless both have the same weights; `path` is its place.
void require_same_network(const ComparedNetwork& ours, const ComparedNetwork& theirs,
                          const std::string& path);

}  // namespace mgit
