// Merge: what git's merge strategy "mgit" does, and what `mgit merge` decides before it calls git.
//
// git runs the merge (MERGE_HEAD, message, hooks, commit, --abort, --continue); we are its
// strategy: models are combined here, ordinary files are left to git's own recursive strategy.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/merge/merge_plan.h"

namespace mgit {

/// `git-merge-mgit [--option…] <base>… -- <ours> <theirs>…`, as git calls a strategy.
struct StrategyCall {
  MergeOptions options;
  std::vector<std::string> recursive_options;  // for git's own strategy, as they came
  std::vector<std::string> bases;
  std::string ours;  // "HEAD" in a merge; a commit in a rebase, cherry-pick or revert
  std::vector<std::string> theirs;
  std::function<void(const std::string&)> say;  // what is done with each model, as it is decided
};

/// Exit status of a strategy: 0 clean, 1 conflicts, 2 not handled. Index and working tree hold the
/// result; the trailers wait for append_merge_trailers.
int run_merge_strategy(Workspace& repository, const StrategyCall& call);

/// Called from the prepare-commit-msg hook: adds the trailers of the merge under way to its
/// message. Does nothing for a commit that is not that merge.
void append_merge_trailers(Repository& repository, const std::filesystem::path& message_file,
                           std::string_view source);

/// Called once a commit is made: a note mirrors what it records. Where the message lost the
/// trailers of the merge (--cleanup, an editor), the note is what records it.
void note_merge(Repository& repository);

enum class MergeRoute : std::uint8_t { kUpToDate, kFastForward, kCombine };

/// Checks what `mgit merge` needs (a branch checked out, a clean tree, known revisions) and decides
/// how git is to be called. `stashes`: git will put local changes aside first. A fast-forward where
/// git makes one, unless the options ask for a combination or theirs was rebased to be combined.
MergeRoute choose_merge_route(Workspace& repository, const std::vector<std::string>& branches,
                              const MergeOptions& options, bool stashes);

}  // namespace mgit
