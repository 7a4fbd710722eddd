#include "workflow/exchange/clone.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/process.h"
#include "base/words.h"
#include "mgit/remote.h"
#include "workflow/exchange/exchange.h"
#include "workflow/exchange/git_call.h"
#include "workflow/exchange/shared_refs.h"
#include "worktree/left_manifests.h"

namespace mgit {
namespace {

std::string value_of(const std::vector<std::string>& arguments, const std::string& option,
                     const std::string& otherwise) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(option + "=")) return arguments[i].substr(option.size() + 1);
    if (arguments[i] == option && i + 1 < arguments.size()) return arguments[i + 1];
  }
  return otherwise;
}

bool is_bare(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
    return argument == "--bare" || argument == "--mirror";
  });
}

bool has_submodules(const std::vector<std::string>& arguments) {
  return std::ranges::any_of(arguments, [](const std::string& argument) {
    return argument.starts_with("--recurs");  // --recurse-submodules, --recursive
  });
}

/// Whatever the user's configuration says, manifests come as manifests.
std::vector<std::string> no_filter() {
  std::vector<std::string> settings;
  for (const std::string& setting : filter_settings()) {
    const std::string key = setting.substr(0, setting.find('='));
    settings.push_back(key + (key.ends_with(".required") ? "=false" : "="));
  }
  return settings;
}

/// What came for the models of HEAD, and which of them lack something.
void report_models(const Repository& repository, bool quiet, const Say& say) {
  const auto head = repository.head();
  if (!head) return;
  std::unordered_set<Digest> objects;
  std::uint64_t bytes = 0;
  std::size_t whole = 0;
  for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(*head)) {
    const std::vector<Digest> needed = objects_of(checkpoint.manifest);
    const std::vector<Digest> missing = repository.store().lacking(needed);
    if (!missing.empty())
      say(fmt::format(
          "warning: {}: {} of its {} nowhere; its manifest stands in its place", checkpoint.path,
          missing.size(),
          needed.size() == 1 ? "1 object is" : fmt::format("{} objects are", needed.size())));
    else
      ++whole;
    for (const Digest& object : needed)
      if (objects.insert(object).second)
        if (const auto info = repository.store().info(object)) bytes += info->stored;
  }
  if (whole > 0 && !quiet)
    say(fmt::format("brought {} ({}) of {}; 'mgit fetch --all' brings those of the whole history",
                    counted(objects.size(), "object"), size_text(bytes),
                    counted(whole, "checkpoint")));
}

}  // namespace

std::string clone_directory(std::string url) {
  const auto drop_slashes = [&url] {
    while (url.ends_with('/')) url.pop_back();
  };
  drop_slashes();
  if (url.ends_with("/.git")) url.erase(url.size() - 5);
  drop_slashes();
  const std::size_t cut = url.find_last_of("/:");
  if (cut != std::string::npos) url.erase(0, cut + 1);
  for (const std::string_view ending : {".git", ".bundle"})
    if (url.ends_with(ending)) url.erase(url.size() - ending.size());
  return url;
}

int clone_repository(const std::vector<std::string>& arguments, const Say& say) {
  std::vector<std::string> command{"git"};
  // Through the filter git would hold every checkpoint in memory; in submodules it has to.
  const bool with_submodules = has_submodules(arguments);
  for (std::string& setting : with_submodules ? filter_settings() : no_filter())
    command.insert(command.end(), {"-c", std::move(setting)});
  command.emplace_back("clone");
  command.insert(command.end(), arguments.begin(), arguments.end());
  ProcessOptions inherit;
  inherit.capture_output = false;
  const int status = run_process(command, inherit).status;
  const std::vector<std::string> named = positionals(arguments, {"-o",
                                                                 "--origin",
                                                                 "-b",
                                                                 "--branch",
                                                                 "-u",
                                                                 "--upload-pack",
                                                                 "--reference",
                                                                 "--reference-if-able",
                                                                 "--template",
                                                                 "--depth",
                                                                 "--shallow-since",
                                                                 "--shallow-exclude",
                                                                 "--server-option",
                                                                 "-j",
                                                                 "--jobs",
                                                                 "-c",
                                                                 "--config",
                                                                 "--filter",
                                                                 "--separate-git-dir",
                                                                 "--bundle-uri"});
  if (status != 0 || named.empty()) return status;

  const bool bare = is_bare(arguments);
  const bool quiet = has_flag(arguments, "--quiet", 'q');
  const std::string directory =
      named.size() > 1 ? named[1] : clone_directory(named[0]) + (bare ? ".git" : "");
  Repository repository = Repository::discover(directory);
  repository.set_fetcher(fetch_objects);
  const std::string remote = value_of(arguments, "--origin", value_of(arguments, "-o", "origin"));
  if (bare) {
    receive_shared_refs(repository, remote, remote, say);
    complete_history(repository, quiet, say);
    return 0;
  }
  set_up(repository, {}, say);
  receive_shared_refs(repository, remote, remote, say);
  if (!with_submodules) restore_left_manifests(repository);
  if (!has_flag(arguments, "--no-checkout", 'n')) report_models(repository, quiet, say);
  return 0;
}

}  // namespace mgit
