// git's configuration, and .mgitconfig.
#include <cctype>
#include <cstdlib>

#include "base/os.h"
#include "mgit/repo.h"
#include "repo/repository_impl.h"
#include "repo/text.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

constexpr const char* kFile = ".mgitconfig";

/// libgit2 knows nothing of GIT_CONFIG_GLOBAL, `git -c` and the like.
bool configured_by_environment() {
  for (const char* name : {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
                           "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

/// A path inside the repository: relative, no "..".
bool stays_inside(const std::string& path) {
  const fs::path candidate(path);
  if (path.empty() || candidate.is_absolute()) return false;
  return std::none_of(candidate.begin(), candidate.end(),
                      [](const fs::path& part) { return part == ".."; });
}

/// "model.my.net.path" -> {"my.net", "path"}; nullopt for other sections.
std::optional<std::pair<std::string, std::string>> model_key(const std::string& key) {
  constexpr std::string_view kSection = "model.";
  const std::size_t dot = key.rfind('.');
  if (!key.starts_with(kSection) || dot < kSection.size()) return std::nullopt;
  return std::pair(key.substr(kSection.size(), dot - kSection.size()), key.substr(dot + 1));
}

void set_field(ModelConfig& model, const std::string& field, std::string value) {
  if (field == "path") model.path = std::move(value);
  if (field == "spec") model.spec = std::move(value);
  if (field == "graph") model.graph = std::move(value);
  if (field == "data") model.data = std::move(value);
  if (field == "loss") model.loss = std::move(value);
}

/// From `git config --list -z`: key, line end, value, NUL; a key without value has no line end.
std::vector<ModelConfig> models_in(const std::string& listing) {
  std::vector<ModelConfig> models;
  std::size_t position = 0;
  while (position < listing.size()) {
    const std::size_t end = std::min(listing.find('\0', position), listing.size());
    const std::string entry = listing.substr(position, end - position);
    position = end + 1;
    const std::size_t line = entry.find('\n');
    const auto key = model_key(entry.substr(0, line));
    if (!key || line == std::string::npos) continue;
    auto model = std::find_if(models.begin(), models.end(),
                              [&](const ModelConfig& m) { return m.name == key->first; });
    if (model == models.end()) {
      models.emplace_back().name = key->first;
      model = models.end() - 1;
    }
    set_field(*model, key->second, entry.substr(line + 1));
  }
  return models;
}

void check_models(const std::vector<ModelConfig>& models) {
  for (const ModelConfig& model : models) {
    const std::string section = "[model \"" + model.name + "\"]";
    if (model.path.empty())
      throw Error(section + " has no path", kFile, "add: path = <checkpoint>");
    if (!stays_inside(model.path))
      throw Error(section + ": path must stay inside the repository: " + model.path, kFile);
  }
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
    const auto file = file_at(*commit, kFile);
    if (!file) return {};
    content = blob(file->blob);
  } else {
    const fs::path path = impl_->work_dir / kFile;
    if (impl_->work_dir.empty() || !fs::is_regular_file(path)) return {};
    content = os::read_file(path);
  }
  // git's own parser, and no includes: the file may come from anybody.
  const ProcessResult result = impl_->run_git(
      {"config", "-z", "--no-includes", "--file", "-", "--list"}, std::move(content));
  if (result.status != 0) {
    std::string words = first_words(result.errors);
    words = words.substr(0, words.find(" in standard input"));
    throw Error(words.empty() ? "cannot be parsed" : words, kFile);
  }
  std::vector<ModelConfig> models = models_in(result.output);
  check_models(models);
  return models;
}

}  // namespace mgit
