// The operation log: which refs mgit's commands moved, and from where, so that they can be taken
// back. One JSON object a line in <common dir>/mgit/log/operations, shared by all worktrees.
//
// It keeps nothing alive: a commit that reflogs forget can be collected, and then the operation can
// no longer be taken back. A value for one thread; several processes may append at once. A line
// that was cut short by a kill is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// nullopt: not there.
struct RefMove {
  std::string name;  // full, or "HEAD" where it was detached
  std::optional<Oid> before;
  std::optional<Oid> after;
  bool operator==(const RefMove&) const = default;
};

struct Operation {
  std::uint64_t id = 0;       // its place in the log; set when read
  std::int64_t time = 0;      // seconds since the epoch
  std::string what;           // for people: "merge feature"
  std::vector<RefMove> refs;  // each moved once
  /// What this one took back or brought back; nullopt: it is an operation of its own.
  std::optional<std::uint64_t> reverses{};
};

/// Appends. Nothing is written if no ref moved. A log that cannot be written is a warning of the
/// caller's, not a failure of the operation: throws Error, and the log holds what it held.
void record_operation(const Repository& repository, Operation operation);

/// Oldest first.
std::vector<Operation> operation_log(const Repository& repository);

/// Whether an operation stands taken back, counting what was brought back since.
bool is_reversed(const std::vector<Operation>& log, const Operation& operation);

}  // namespace mgit
