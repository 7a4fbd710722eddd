#include "workflow/exchange/clone.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/words.h"
#include "mgit/remote.h"
#include "workflow/exchange/exchange.h"
#include "workflow/exchange/git_call.h"
#include "workflow/exchange/shared_refs.h"
#include "worktree/left_manifests.h"

namespace mgit {
namespace {

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
void report_models(const Workspace& repository, bool quiet, const Say& say) {
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

void report_lazy(const Repository& repository, bool quiet, const Say& say) {
  const auto head = repository.head();
  if (!head || quiet) return;
  const std::size_t checkpoints = repository.checkpoints_at(*head).size();
  say(fmt::format(
      "lazy: {} {} as {}; commands fetch the tensors that they need, 'mgit restore "
      "FILE' brings a checkpoint, 'mgit fetch --all' everything",
      counted(checkpoints, "checkpoint"), checkpoints == 1 ? "stands here" : "stand here",
      checkpoints == 1 ? "its manifest" : "their manifests"));
}

}  // namespace

int clone_repository(const CloneCall& call, const Say& say) {
  std::vector<std::string> command{"git"};
  // Through the filter git would hold every checkpoint in memory; in submodules it has to.
  for (std::string& setting : call.submodules ? filter_settings() : no_filter())
    command.insert(command.end(), {"-c", std::move(setting)});
  command.emplace_back("clone");
  if (call.lazy) command.insert(command.end(), {"-c", "mgit.lazy=true"});
  command.insert(command.end(), call.arguments.begin(), call.arguments.end());
  const int status = run_loudly(command);
  if (status != 0 || call.directory.empty()) return status;

  Workspace repository = Workspace::discover(call.directory);
  repository.set_fetcher(fetch_objects);
  if (call.bare) {
    receive_shared_refs(repository, call.remote, call.remote, say);
    if (!call.lazy) complete_history(repository, call.quiet, say);
    return 0;
  }
  if (!call.submodules)
    for (const std::string& failure : restore_left_manifests(repository).failures)
      say("warning: " + failure);
  set_up(repository, {}, say);
  receive_shared_refs(repository, call.remote, call.remote, say);
  if (call.lazy)
    report_lazy(repository, call.quiet, say);
  else if (call.checkout)
    report_models(repository, call.quiet, say);
  if (!repository.head() && !call.quiet)
    say("hint: nothing is here yet; 'mgit init' in it tracks checkpoints from the first commit on");
  return 0;
}

}  // namespace mgit
