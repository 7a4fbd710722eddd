// Rebase: brings a branch's models into the basin of another branch's (DESIGN section 7).
//
// One permutation per model is found from the two tips; the commits that are the branch's own are
// rewritten with every checkpoint of the tip's line permuted by it. Parents keep their structure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "match/method.h"
#include "mgit/match.h"
#include "mgit/workspace.h"
#include "workflow/matching.h"

namespace mgit {

struct RebaseResult;

struct RebaseOptions {
  std::string branch;  // empty: the current one
  std::string onto;
  MatchingChoice matching{};
  bool dry_run = false;
  bool trust_spec = false;
  bool leave_adapters = false;  // also those whose model moves
  /// Called once it is known that the branch will move, before anything is written; may throw.
  std::function<void(const RebaseResult&)> before_rewriting{};
};

/// What matching found for one model, or what an adapter has to follow.
struct RebasedModel {
  std::string path;
  Spec spec;
  MatchResult match;
  bool in_basin = false;   // already there: nothing to do
  std::string moves_with;  // of an adapter: the model that it is carried along with
};

struct RebaseResult {
  enum class Outcome : std::uint8_t {
    kUpToDate,        // the branch has no commits of its own
    kNoModels,        // its commits touch no checkpoint: git's own rebase is what is wanted
    kAlreadyInBasin,  // nothing rewritten
    kRewritten,
    kDryRun
  };
  Outcome outcome = Outcome::kUpToDate;
  std::string branch;  // full ref name
  Oid target;
  Oid old_tip;
  Oid new_tip;
  std::vector<RebasedModel> models;
  std::size_t rewritten = 0;
  std::vector<std::string> notes;  // commits left as they are, and why
};

/// Checks everything before it changes anything. Objects first, then commits, notes and origin
/// refs, then the working tree (if the branch is checked out), the branch ref last.
RebaseResult rebase(Workspace& repository, const RebaseOptions& options);

}  // namespace mgit
