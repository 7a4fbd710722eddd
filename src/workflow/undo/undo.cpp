#include "workflow/undo/undo.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/process.h"
#include "git/history_rewriter.h"

namespace mgit {
namespace {

std::string shortened(const std::string& ref) {
  for (const std::string_view prefix : {"refs/heads/", "refs/tags/", "refs/"})
    if (ref.starts_with(prefix)) return ref.substr(prefix.size());
  return ref;
}

std::string place(const std::optional<Oid>& id) { return id ? id->brief() : "not there"; }

bool commit_is_here(const Repository& repository, const Oid& id) {
  const auto found = repository.resolve(id.hex());
  return found && *found == id;
}

/// Throws Error unless every ref is where the operation left it and can go back.
void check(const Repository& repository, const Operation& operation,
           const std::vector<RefMove>& moves) {
  for (const RefMove& move : moves) {
    const auto now = repository.ref(move.name);
    if (now != move.before)
      throw Error(fmt::format("has moved since '{}' (it left {}, now {})", operation.what,
                              place(move.before), place(now)),
                  shortened(move.name),
                  move.after ? fmt::format("to drop what came after as well: git {} {}",
                                           move.name == repository.head_branch()
                                               ? "reset --keep"
                                               : "branch -f " + shortened(move.name),
                                           move.after->brief())
                             : "git reflog tells what happened");
    if (move.after && !commit_is_here(repository, *move.after))
      throw MissingError("the commit from before is no longer here", move.after->hex(),
                         "reflogs and gc have let it go");
    if (repository.checked_out_elsewhere(move.name))
      throw Error("the branch is checked out in another worktree", shortened(move.name),
                  "run mgit undo there");
  }
}

/// What HEAD's commit becomes; nullopt: HEAD does not move.
const RefMove* move_of_head(const Repository& repository, const std::vector<RefMove>& moves) {
  const std::string head = repository.head_branch().value_or("HEAD");
  const auto found = std::find_if(moves.begin(), moves.end(),
                                  [&](const RefMove& move) { return move.name == head; });
  return found == moves.end() ? nullptr : &*found;
}

void move_files(const Repository& repository, const Oid& from, const Oid& to) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.capture_errors = true;
  // git takes files for changed that were only touched, unless the index is refreshed first.
  run_process({"git", "update-index", "-q", "--refresh"}, options);
  const ProcessResult result =
      run_process({"git", "read-tree", "-m", "-u", from.hex(), to.hex()}, options);
  if (result.status == 0) return;
  std::string words = result.errors.substr(0, result.errors.find('\n'));
  if (words.starts_with("error: ")) words.erase(0, 7);
  throw Error(words.empty() ? "local changes are in the way" : words, "",
              "commit or stash your changes, then mgit undo; nothing was changed");
}

}  // namespace

std::optional<Operation> next_to_reverse(const std::vector<Operation>& log, bool redo) {
  for (auto operation = log.rbegin(); operation != log.rend(); ++operation) {
    if (operation->reverses) continue;
    const bool reversed = is_reversed(log, *operation);
    if (reversed != redo) {
      if (redo) return std::nullopt;
      continue;
    }
    if (!redo) return *operation;
    // Several may stand taken back: the one that was taken back last is the earliest of them.
    auto earliest = operation;
    while (std::next(earliest) != log.rend() &&
           (std::next(earliest)->reverses || is_reversed(log, *std::next(earliest))))
      ++earliest;
    while (earliest->reverses) --earliest;
    return *earliest;
  }
  return std::nullopt;
}

std::vector<RefMove> reverse(Repository& repository, const std::vector<Operation>& log,
                             const Operation& operation) {
  const bool again = is_reversed(log, operation);
  std::vector<RefMove> moves = operation.refs;
  if (!again)
    for (RefMove& move : moves) std::swap(move.before, move.after);
  check(repository, operation, moves);
  const RefMove* head = move_of_head(repository, moves);
  const bool files =
      head != nullptr && head->before && head->after && !repository.work_dir().empty();
  if (files) move_files(repository, *head->before, *head->after);
  std::vector<RefChange> changes;
  for (const RefMove& move : moves)
    changes.push_back({move.name, move.before, move.after.value_or(Oid())});
  const std::string message = (again ? "redo: " : "undo: ") + operation.what;
  try {
    update_refs(repository, changes, message);
  } catch (const Error&) {
    if (files) move_files(repository, *head->after, *head->before);
    throw;
  }
  record_operation(repository, {.what = message, .refs = moves, .reverses = operation.id});
  return moves;
}

}  // namespace mgit
