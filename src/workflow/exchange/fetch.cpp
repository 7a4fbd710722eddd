// mgit fetch and mgit pull, and the objects of what arrived.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/words.h"
#include "remote/history.h"
#include "remote/object_remote.h"
#include "workflow/exchange/exchange.h"
#include "workflow/exchange/git_call.h"
#include "workflow/exchange/lazy_fetch.h"
#include "workflow/exchange/pull_raw.h"
#include "workflow/exchange/shared_refs.h"
#include "worktree/lazy.h"
#include "worktree/left_manifests.h"

namespace mgit {
namespace {

/// The configured remotes that git talks to.
std::vector<std::string> remotes_of(const Repository& repository, const FetchCall& call) {
  std::vector<std::string> known = remote_names(repository);
  if (call.all) return known;
  std::string remote = "origin";
  if (call.remote) {
    remote = *call.remote;
  } else if (const auto branch = repository.head_branch()) {
    const std::string name = branch->substr(std::string_view("refs/heads/").size());
    remote = repository.config(fmt::format("branch.{}.remote", name)).value_or(remote);
  }
  if (std::find(known.begin(), known.end(), remote) == known.end()) return {};
  return {remote};
}

std::vector<Oid> remote_tips(const Repository& repository) {
  std::vector<Oid> tips;
  for (const auto& [name, id] : repository.refs("refs/remotes/")) tips.push_back(id);
  return tips;
}

/// Commits that refs name; tags are peeled, notes are none of the history.
std::vector<Oid> all_tips(const Repository& repository) {
  std::vector<Oid> tips;
  if (const auto head = repository.head()) tips.push_back(*head);
  for (const auto& [name, id] : repository.refs("refs/")) {
    if (name.starts_with("refs/notes/")) continue;
    if (const auto commit = repository.resolve(id.hex() + "^{commit}")) tips.push_back(*commit);
  }
  return tips;
}

struct Received {
  std::size_t objects = 0;
  std::uint64_t bytes = 0;
  std::vector<Digest> absent;
};

Received receive_objects(const Workspace& repository, const std::vector<Digest>& needed) {
  const std::vector<Digest> missing = repository.store().lacking(needed);
  Received received;
  if (missing.empty()) return received;
  fetch_objects(repository, missing);
  received.absent = repository.store().lacking(missing);
  received.objects = missing.size() - received.absent.size();
  for (const Digest& object : missing)
    if (const auto info = repository.store().info(object)) received.bytes += info->stored;
  return received;
}

void say_received(const Received& received, bool quiet, const Say& say) {
  if (received.objects > 0 && !quiet)
    say(fmt::format("received {} ({})", counted(received.objects, "object"),
                    size_text(received.bytes)));
  if (!received.absent.empty())
    say(fmt::format("warning: {} on no remote",
                    received.absent.size() == 1
                        ? std::string("1 tensor object is")
                        : fmt::format("{} tensor objects are", received.absent.size())));
}

void say_restored(const LeftManifests& left, const Say& say) {
  if (!left.restored.empty()) say(fmt::format("checked out {}", fmt::join(left.restored, ", ")));
}

}  // namespace

bool complete_history(Workspace& repository, bool quiet, const Say& say) {
  HistoryObjects objects = list_objects(repository, all_tips(repository), {});
  Received received = receive_objects(repository, objects.of_models);
  const Received records = receive_objects(repository, objects.of_records);
  received.objects += records.objects;
  received.bytes += records.bytes;
  say_received(received, quiet, say);
  return received.absent.empty();
}

int fetch(Workspace& repository, const FetchCall& call, const Say& say) {
  update_shared_refspecs(repository);
  const bool bare = repository.work_dir().empty();
  const std::vector<Oid> before = remote_tips(repository);
  const int status = run_loudly(git_command("fetch", call.arguments));
  if (status != 0 || call.dry_run) return status;
  for (const std::string& remote : remotes_of(repository, call))
    receive_shared_refs(repository, remote, remote, say);
  bool complete = true;
  if (call.all)
    complete = complete_history(repository, call.quiet, say);
  else if (bare)  // nothing is checked out in it, so that what is lacking would never be missed
    complete_history(repository, call.quiet, say);
  else if (!is_lazy(repository))
    say_received(receive_objects(repository,
                                 objects_in_history(repository, remote_tips(repository), before)),
                 call.quiet, say);
  if (!call.include.empty())
    say_received(receive_objects(repository, included_objects(repository, call.include)),
                 call.quiet, say);
  say_restored(restore_left_manifests(repository), say);
  return complete ? 0 : 1;
}

int pull(Workspace& repository, const FetchCall& call, const Say& say) {
  update_shared_refspecs(repository);
  const int status = pull_and_adopt(repository, call.arguments, say);
  if (status == 0)
    for (const std::string& remote : remotes_of(repository, call))
      receive_shared_refs(repository, remote, remote, say);
  return status;
}

}  // namespace mgit
