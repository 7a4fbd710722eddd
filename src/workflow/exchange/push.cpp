// mgit push, and the objects of a push.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <unordered_set>

#include "base/words.h"
#include "remote/history.h"
#include "remote/object_remote.h"
#include "workflow/exchange/exchange.h"
#include "workflow/exchange/git_call.h"
#include "workflow/exchange/shared_refs.h"

namespace mgit {
namespace {

constexpr const char* kScopeVariable = "MGIT_MANIFESTS_ONLY";  // from mgit push to its hook

std::optional<Oid> commit_of(const Repository& repository, const Oid& id) {
  return repository.resolve(id.hex() + "^{commit}");
}

/// True if the other side has everything that this commit's checkpoints need.
bool models_are_there(const Repository& repository, const ObjectRemote& there, const Oid& commit) {
  std::vector<Digest> needed;
  for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(commit))
    for (const Digest& object : objects_of(checkpoint.manifest)) needed.push_back(object);
  return there.lacking(needed).empty();
}

/// The commits that refs name, and those the other side has.
struct PushedCommits {
  std::vector<Oid> pushed;
  std::vector<Oid> there;
};

PushedCommits moving_commits(const Repository& repository, const std::string& remote,
                             const std::vector<PushedRef>& refs) {
  PushedCommits commits;
  for (const PushedRef& ref : refs) {
    if (!ref.moves) continue;
    if (const auto commit = commit_of(repository, ref.local)) commits.pushed.push_back(*commit);
    if (!ref.remote) continue;
    if (const auto commit = commit_of(repository, *ref.remote)) commits.there.push_back(*commit);
  }
  for (const auto& [name, id] : repository.refs(fmt::format("refs/remotes/{}/", remote)))
    if (const auto commit = commit_of(repository, id)) commits.there.push_back(*commit);
  return commits;
}

/// True if the push brings the other side manifests whose objects it never saw.
bool brings_models(const Repository& repository, const PushedCommits& commits) {
  std::unordered_set<Digest> known;
  for (const Oid& commit : commits.there)
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(commit))
      for (const Digest& object : objects_of(checkpoint.manifest)) known.insert(object);
  const HistoryObjects objects = list_objects(repository, commits.pushed, commits.there);
  return std::any_of(objects.of_models.begin(), objects.of_models.end(),
                     [&](const Digest& object) { return !known.contains(object); });
}

void refuse_models(const std::string& url) {
  throw Error(fmt::format("models cannot be sent there yet, only to {}; nothing was pushed",
                          remote_kinds_text()),
              url,
              "mgit push --manifests-only, or git config mgit.manifestsOnly true, pushes the "
              "manifests alone");
}

/// The configured remote that pushes to this URL; empty if there is none.
std::string remote_that_pushes_to(const Repository& repository, const std::string& url) {
  std::istringstream lines(run_quietly(repository, {"git", "remote", "-v"}).output);
  for (std::string line; std::getline(lines, line);) {  // "origin\t../there.git (push)"
    const std::size_t tab = line.find('\t');
    if (tab != std::string::npos && line.substr(tab + 1) == url + " (push)")
      return line.substr(0, tab);
  }
  return {};
}

/// What a push would do, as git says it.
struct PushPlan {
  std::string url;
  std::vector<PushedRef> refs;
};

/// The user's arguments for a dry run that tells everything, whatever they say of that.
std::vector<std::string> dry_run(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git",         "push",        "--dry-run",
                                   "--porcelain", "--no-verify", "--no-recurse-submodules"};
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  std::copy_if(arguments.begin(), end, std::back_inserter(command), [](const std::string& word) {
    return !word.starts_with("--recurse-submodules") && word != "--verify" && word != "--progress";
  });
  command.emplace_back("-v");  // overrides -q, and names what is up to date
  command.insert(command.end(), end, arguments.end());
  return command;
}

std::vector<PushPlan> read_plans(const Repository& repository, const std::string& output) {
  std::vector<PushPlan> plans;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("To ")) plans.push_back({line.substr(3), {}});
    if (line.size() < 3 || line[1] != '\t' || plans.empty()) continue;
    if (std::string_view(" +*=").find(line[0]) == std::string_view::npos) continue;
    const std::string names = line.substr(2, line.find('\t', 2) - 2);
    const auto commit = repository.resolve(names.substr(0, names.rfind(':')));
    if (commit) plans.back().refs.push_back({*commit, std::nullopt, line[0] != '='});
  }
  return plans;
}

}  // namespace

PushScope push_scope(const Repository& repository) {
  const char* asked = std::getenv(kScopeVariable);
  const std::string set = repository.config("mgit.manifestsOnly").value_or("false");
  const bool only = (asked != nullptr && *asked != '\0') || set == "true" || set == "yes" ||
                    set == "on" || set == "1";
  return only ? PushScope::kManifestsOnly : PushScope::kModels;
}

TransferReport send_models(Workspace& repository, const std::string& remote, const std::string& url,
                           const std::vector<PushedRef>& refs, PushScope scope, const Say& say) {
  const auto there = open_remote(repository, url);
  if (!there && scope == PushScope::kModels) {
    // A path without a repository is git's to complain about.
    if (remote_kind(url) == nullptr &&
        brings_models(repository, moving_commits(repository, remote, refs)))
      refuse_models(url);
    return {};
  }
  const std::string name = remote == url ? std::string() : remote;
  const RefMap shared = shared_refs_there(repository, url);
  const RefMap originals = originals_to_send(repository, shared);
  TransferReport sent;
  if (there && scope == PushScope::kModels) {
    std::vector<Oid> commits;
    std::vector<Oid> already;
    for (const PushedRef& ref : refs) {
      if (const auto commit = commit_of(repository, ref.local)) commits.push_back(*commit);
      if (!ref.remote) continue;
      const auto commit = commit_of(repository, *ref.remote);
      if (commit && models_are_there(repository, *there, *commit)) already.push_back(*commit);
    }
    for (const auto& [ref, id] : originals) commits.push_back(id);
    sent = push_objects(repository, url, commits, already);
  }
  send_shared_refs(repository, name, url, originals, shared, say);
  return sent;
}

int push_models(Workspace& repository, const PushCall& call, const Say& say) {
  update_shared_refspecs(repository);
  if (call.manifests_only) ::setenv(kScopeVariable, "1", 1);
  const PushScope scope = push_scope(repository);
  if (call.dry_run) return 0;
  ProcessOptions options;
  options.capture_errors = true;
  const ProcessResult planned = run_process(dry_run(call.arguments), options);
  const std::vector<PushPlan> plans = read_plans(repository, planned.output);
  if (planned.status != 0 && plans.empty()) {
    fmt::print(stderr, "{}", planned.errors);
    return planned.status;
  }
  for (const PushPlan& plan : plans) {
    std::string remote = remote_that_pushes_to(repository, plan.url);
    if (remote.empty()) remote = plan.url;
    const TransferReport sent = send_models(repository, remote, plan.url, plan.refs, scope, say);
    if (call.quiet) continue;
    if (sent.objects > 0)
      say(fmt::format("sent {} ({}) to {}", counted(sent.objects, "object"),
                      size_text(sent.stored_bytes), plan.url));
    if (scope == PushScope::kManifestsOnly)
      say(fmt::format("only manifests go to {}; mgit push sends their models later", plan.url));
  }
  return 0;
}

}  // namespace mgit
