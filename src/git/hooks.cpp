#include "git/hooks.h"

#include <unistd.h>

#include <array>

#include "base/os.h"
#include "base/process.h"
#include "git/hook_template.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 7> kHooks{"pre-commit",    "prepare-commit-msg", "post-commit",
                                            "post-checkout", "post-merge",         "post-rewrite",
                                            "pre-push"};
constexpr std::string_view kMark = "# A hook of mgit:";

fs::path before(const fs::path& hook) { return hook.string() + ".before-mgit"; }

bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }

bool is_ours(const fs::path& hook) {
  std::error_code ignored;
  return fs::is_regular_file(fs::symlink_status(hook, ignored)) &&
         os::read_file(hook).find(kMark) != std::string::npos;
}

std::string hook_text(const std::string& command) {
  std::string text = kHookTemplate;
  constexpr std::string_view kPlace = "@MGIT@";
  text.replace(text.find(kPlace), kPlace.size(), command);
  return text;
}

}  // namespace

fs::path hooks_directory(const Repository& repository) {
  ProcessOptions options;
  const fs::path base =
      repository.work_dir().empty() ? repository.git_dir() : repository.work_dir();
  options.directory = base.string();
  std::string path = run_checked({"git", "rev-parse", "--git-path", "hooks"}, options);
  if (path.ends_with('\n')) path.pop_back();
  return (base / path).lexically_normal();
}

InstalledHooks put_hooks(const Repository& repository, const std::string& command) {
  InstalledHooks result;
  result.directory = hooks_directory(repository);
  for (const char* name : kHooks) {
    const fs::path hook = result.directory / name;
    if (is_there(hook) && !is_ours(hook) && is_there(before(hook)))
      throw Error("cannot back up the existing hook: file exists", before(hook).string(),
                  "remove or rename it and run mgit install again");
  }
  result.created_directory = fs::create_directories(result.directory);
  const std::string text = hook_text(command);
  for (const char* name : kHooks) {
    const fs::path hook = result.directory / name;
    if (is_there(hook) && !is_ours(hook)) os::rename(hook, before(hook));
    os::write_file(hook, as_bytes(text));
    fs::permissions(hook, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec);
    result.names.emplace_back(name);
  }
  return result;
}

std::vector<std::string> remove_hooks(const InstalledHooks& hooks) {
  std::vector<std::string> left;
  for (const std::string& name : hooks.names) {
    const fs::path hook = hooks.directory / name;
    if (is_there(hook) && !is_ours(hook)) {
      left.push_back(hook.string() + ": not mgit's any more; left as it is");
      continue;
    }
    fs::remove(hook);
    if (is_there(before(hook))) os::rename(before(hook), hook);
  }
  std::error_code ignored;
  if (hooks.created_directory) fs::remove(hooks.directory, ignored);
  return left;
}

bool has_hook(const Repository& repository, const std::string& name) {
  const fs::path hook = hooks_directory(repository) / name;
  return is_ours(hook) && ::access(hook.c_str(), X_OK) == 0;
}

bool has_foreign_hook(const Repository& repository, const std::string& name) {
  const fs::path hook = hooks_directory(repository) / name;
  return ::access(hook.c_str(), X_OK) == 0 && (!is_ours(hook) || is_there(before(hook)));
}

}  // namespace mgit
