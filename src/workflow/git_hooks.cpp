#include "workflow/git_hooks.h"

#include <unistd.h>

#include "base/process.h"
#include "git/hooks.h"

namespace mgit {

void run_hook(const Repository& repository, const std::string& name,
              const std::vector<std::string>& arguments, const std::string& input) {
  const std::filesystem::path hook = hooks_directory(repository) / name;
  if (::access(hook.c_str(), X_OK) != 0) return;
  std::vector<std::string> command{hook.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const ProcessResult result = run_process(
      command,
      {.directory = repository.work_dir().string(), .input = input, .capture_output = false});
  if (result.status != 0) throw Error("rejected by the hook", name);
}

}  // namespace mgit
