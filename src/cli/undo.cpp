// mgit undo: takes back what mgit (or git, where mgit's hooks are) last moved.
#include <fmt/format.h>

#include <ctime>

#include "cli/command.h"
#include "workflow/preconditions.h"
#include "workflow/undo/undo.h"

namespace mgit::cli {
namespace {

std::string short_ref(const std::string& name) {
  for (const std::string_view prefix : {"refs/heads/", "refs/"})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

std::string commit_text(const std::optional<Oid>& id) { return id ? id->brief() : "none"; }

void print_moves(const std::vector<RefMove>& moves) {
  for (const RefMove& move : moves)
    if (!move.name.starts_with("refs/mgit/"))
      fmt::print("  {}  {} -> {}\n", short_ref(move.name), commit_text(move.before),
                 commit_text(move.after));
}

/// Local time, to the minute.
std::string minute(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local)};
}

class Undo : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Moves the refs back that the last rebase, merge, pull or migration moved, and the index "
        "and the working tree with them. Refused if a ref has moved on since, or if local changes "
        "are in the way. Commits stay in the reflog; taking back can itself be taken back.");
    options.flag("-l,--list", list_, "show the operations, newest first; change nothing");
    options.flag("--redo", redo_, "bring back what was taken back last");
    options.flag("-n,--dry-run", dry_run_, "say what would move; change nothing");
  }

  int run() override {
    Repository repository = Repository::discover();
    const std::vector<Operation> log = operation_log(repository);
    if (list_) return print_list(log);
    require_no_operation(repository);
    const auto operation = next_to_reverse(log, redo_);
    if (!operation) {
      fmt::print("{}\n",
                 redo_ ? "There is nothing to bring back." : "There is nothing to take back.");
      return 0;
    }
    std::vector<RefMove> moves = operation->refs;
    if (!redo_)
      for (RefMove& move : moves) std::swap(move.before, move.after);
    if (!dry_run_) moves = reverse(repository, log, *operation);
    fmt::print("{}{}: {}\n", dry_run_ ? "Would have " : "", verb(), operation->what);
    print_moves(moves);
    if (!dry_run_ && !redo_) fmt::print("To bring it back: mgit undo --redo\n");
    return 0;
  }

 private:
  std::string verb() const {
    if (dry_run_) return redo_ ? "brought back" : "taken back";
    return redo_ ? "Brought back" : "Took back";
  }

  static int print_list(const std::vector<Operation>& log) {
    for (auto operation = log.rbegin(); operation != log.rend(); ++operation) {
      fmt::print("{}  {}{}\n", minute(operation->time), operation->what,
                 !operation->reverses && is_reversed(log, *operation) ? "  (taken back)" : "");
      print_moves(operation->refs);
    }
    return 0;
  }

  bool list_ = false;
  bool redo_ = false;
  bool dry_run_ = false;
};

const Registered<Undo> kUndo("undo", "take back the last rebase, merge or migration",
                             "mgit undo\n  mgit undo --list");

}  // namespace
}  // namespace mgit::cli
