#include "workflow/preconditions.h"

namespace mgit {

void require_no_operation(const Repository& repository) {
  if (const auto busy = repository.operation_under_way())
    throw Error("a " + *busy + " is under way", "", "finish it or: git " + *busy + " --abort");
}

void require_quiet_worktree(const Repository& repository, const std::string& operation,
                            LocalChanges changes) {
  if (repository.work_dir().empty())
    throw Error("cannot " + operation + " in a bare repository", repository.git_dir().string());
  require_no_operation(repository);
  if (changes == LocalChanges::kRefused && !repository.is_clean())
    throw Error("cannot " + operation + ": you have uncommitted changes", "",
                operation == "merge" ? "commit or stash them, or: mgit merge --autostash"
                                     : "commit or stash them: mgit status");
}

void require_installed(const Repository& repository) {
  if (repository.config("filter.mgit.process") && repository.config("pull.twohead") == "mgit")
    return;
  throw Error("mgit is not installed in this repository", repository.work_dir().string(),
              "mgit install");
}

}  // namespace mgit
