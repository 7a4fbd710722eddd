#include "workflow/undo/git_operations.h"

#include <algorithm>

#include "base/process.h"
#include "workflow/undo/operation_log.h"

namespace mgit {
namespace {

/// How git itself names its last move of HEAD: "merge feature: Fast-forward".
std::string last_move(const Repository& repository) {
  const std::filesystem::path& directory =
      repository.work_dir().empty() ? repository.git_dir() : repository.work_dir();
  ProcessOptions options;
  options.directory = directory.string();
  options.capture_errors = true;
  std::string subject =
      run_process({"git", "reflog", "-1", "--format=%gs", "HEAD"}, options).output;
  if (subject.ends_with('\n')) subject.pop_back();
  return subject;
}

bool same_checkpoints(const Repository& repository, const Oid& a, const Oid& b) {
  const auto before = repository.checkpoints_at(a);
  const auto after = repository.checkpoints_at(b);
  return std::equal(before.begin(), before.end(), after.begin(), after.end(),
                    [](const CommittedCheckpoint& x, const CommittedCheckpoint& y) {
                      return x.path == y.path && x.file == y.file;
                    });
}

/// What HEAD was before the operation, and what git calls it; nullopt: no operation of these hooks.
struct GitOperation {
  std::string what;
  Oid before;
};

std::optional<GitOperation> find_operation(const Repository& repository, const std::string& hook,
                                           const std::vector<std::string>& arguments,
                                           const Commit& head) {
  const auto original = repository.resolve("ORIG_HEAD");
  if (hook == "post-merge") {
    const bool squash = !arguments.empty() && arguments[0] == "1";
    if (squash || !original) return std::nullopt;
    const std::string move = last_move(repository);
    return GitOperation{move.substr(0, move.find(": ")), *original};
  }
  if (hook == "post-commit") {
    if (head.parents.size() < 2 || !last_move(repository).starts_with("commit (merge)"))
      return std::nullopt;
    return GitOperation{"merge", head.parents.front()};
  }
  // mgit's own rebase records itself; git's says where it returns to.
  if (hook == "post-rewrite" && !arguments.empty() && arguments[0] == "rebase" && original &&
      last_move(repository).starts_with("rebase (finish): returning to "))
    return GitOperation{"rebase", *original};
  return std::nullopt;
}

}  // namespace

bool record_git_operation(const Repository& repository, const std::string& hook,
                          const std::vector<std::string>& arguments) {
  const auto now = repository.head();
  if (!now) return false;
  const auto operation = find_operation(repository, hook, arguments, repository.commit(*now));
  if (!operation || operation->before == *now) return false;
  const std::string branch = repository.head_branch().value_or("HEAD");
  record_operation(repository,
                   {.what = operation->what, .refs = {{branch, operation->before, now}}});
  return !same_checkpoints(repository, operation->before, *now);
}

}  // namespace mgit
