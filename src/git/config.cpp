// git's configuration, and .mgitconfig.
#include <cstdlib>

#include "base/os.h"
#include "git/model_config.h"
#include "git/repository_impl.h"
#include "git/text.h"
#include "mgit/git.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// libgit2 knows nothing of GIT_CONFIG_GLOBAL, `git -c` and the like.
bool configured_by_environment() {
  for (const char* name : {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
                           "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

}  // namespace

std::optional<std::string> Repository::config(const std::string& key) const {
  const auto snapshot = git2::make<git2::ConfigHandle>(
      [&](git_config** out) { return git_repository_config_snapshot(out, impl_->git()); });
  int per_worktree = 0;
  git_config_get_bool(&per_worktree, snapshot.get(), "extensions.worktreeConfig");
  if (per_worktree != 0 || configured_by_environment()) {
    const ProcessResult result = impl_->run_git({"config", "-z", "--get", key});
    if (result.status != 0) return std::nullopt;
    return result.output.substr(0, result.output.find('\0'));
  }
  const char* value = nullptr;
  const int status = git_config_get_string(&value, snapshot.get(), key.c_str());
  if (status == GIT_ENOTFOUND || status == GIT_EINVALIDSPEC) return std::nullopt;
  git2::check(status, key);
  return std::string(value);
}

std::vector<ModelConfig> Repository::models(const std::optional<Oid>& commit) const {
  std::string content;
  if (commit) {
    const auto file = file_at(*commit, kModelConfigFile);
    if (!file) return {};
    content = blob(file->blob);
  } else {
    const fs::path path = impl_->work_dir / kModelConfigFile;
    if (impl_->work_dir.empty() || !fs::is_regular_file(path)) return {};
    content = os::read_file(path);
  }
  // git's own parser, and no includes: the file may come from anybody.
  const ProcessResult result =
      impl_->run_git({"config", "-z", "--no-includes", "--file", "-", "--list"}, content);
  if (result.status != 0) throw Error(config_complaint(result.errors), kModelConfigFile);
  if (!commit) warn_of_unknown_keys(result.output, content);
  return parse_models(result.output, content);
}

}  // namespace mgit
