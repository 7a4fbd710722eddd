// mgit request: what a reviewer wants to know of a branch's models, as Markdown for a pull request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "mgit/workspace.h"

namespace mgit {

struct RequestCall {
  std::string base;     // what it is to be merged into; empty: the remote's main branch
  std::string branch;   // its name where it is pushed; empty: the current branch's
  bool measure = true;  // barrier and evaluation, where network and data are named and trusted
  int points = 25;      // of the barrier
  std::function<void(std::uint64_t more, std::uint64_t total)> progress;  // evaluations
};

/// Of HEAD against the base: lineage, changed tensors, barrier before and after a rebase,
/// evaluation beside the base's, what mgit verify says of its commits, how to take the branch. What
/// cannot be measured is said with what it would need. Text of others (names, subjects) is escaped.
/// Throws Error where the base is nowhere named.
std::string request_markdown(Workspace& repository, const RequestCall& call);

}  // namespace mgit
