#include "workflow/exchange/exchange.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/process.h"
#include "git/hooks.h"
#include "mgit/remote.h"
#include "worktree/left_manifests.h"

namespace mgit {
namespace {

constexpr std::string_view kOrigins = "refs/mgit/origin/";
constexpr std::string_view kNotes = "refs/notes/mgit/";

using RefMap = std::map<std::string, Oid>;

std::filesystem::path base_of(const Repository& repository) {
  return repository.work_dir().empty() ? repository.git_dir() : repository.work_dir();
}

std::vector<std::string> git(const char* name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", name};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

ProcessResult quietly(const Repository& repository, const std::vector<std::string>& command) {
  ProcessOptions options;
  options.directory = base_of(repository).string();
  options.capture_errors = true;
  return run_process(command, options);
}

int loudly(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.capture_output = false;
  return run_process(command, options).status;
}

/// The first line of what git complained about.
std::string complaint(const ProcessResult& result) {
  std::istringstream lines(result.errors);
  for (std::string line; std::getline(lines, line);)
    for (const std::string_view kind : {"fatal: ", "error: ", " ! "})
      if (line.starts_with(kind)) return line.substr(kind.size());
  return fmt::format("git ended with status {}", result.status);
}

/// The remote's refs that mgit shares.
RefMap shared_refs_there(const Repository& repository, const std::string& url) {
  const ProcessResult listing =
      quietly(repository,
              {"git", "ls-remote", url, std::string(kOrigins) + "*", std::string(kNotes) + "*"});
  RefMap refs;
  std::istringstream lines(listing.output);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    if (const auto id = Oid::from_hex(line.substr(0, tab))) refs.emplace(line.substr(tab + 1), *id);
  }
  return refs;
}

/// Our refs below `prefix` that the other side has otherwise or not at all.
RefMap lacking(const Repository& repository, std::string_view prefix, const RefMap& there) {
  RefMap result;
  for (const auto& [name, id] : repository.refs(prefix)) {
    const auto other = there.find(name);
    if (other == there.end() || other->second != id) result.emplace(name, id);
  }
  return result;
}

ProcessResult push_refs(const Repository& repository, const std::string& url, const RefMap& refs) {
  std::vector<std::string> command{"git", "push", "--quiet", "--no-verify", url};
  for (const auto& [name, id] : refs) command.push_back(fmt::format("{0}:{0}", name));
  return quietly(repository, command);
}

/// True if the other store has everything that this commit's checkpoints need.
bool models_are_there(const Repository& repository, const Store& store, const Oid& commit) {
  const auto checkpoints = repository.checkpoints_at(commit);
  return std::all_of(checkpoints.begin(), checkpoints.end(), [&](const auto& checkpoint) {
    return missing_objects(store, checkpoint.manifest).empty();
  });
}

/// Notes are text of one line per entry: the union of both sides is right, in any order.
void join_notes(Repository& repository, const std::string& remote, const Say& say) {
  const std::string prefix = fmt::format("refs/mgit/remotes/{}/notes/", remote);
  for (const auto& [theirs, id] : repository.refs(prefix)) {
    const std::string ours = fmt::format("{}{}", kNotes, theirs.substr(prefix.size()));
    const std::optional<Oid> mine = repository.ref(ours);
    if (mine == id) continue;
    if (!mine) {
      repository.update_ref(ours, id, std::nullopt, fmt::format("mgit: notes from {}", remote));
      continue;
    }
    const ProcessResult merged =
        quietly(repository, git("notes", {fmt::format("--ref={}", ours), "merge", "--quiet",
                                          "--strategy", "cat_sort_uniq", theirs}));
    if (merged.status != 0)
      say(fmt::format("warning: {}: could not join the notes of {}: {}", ours, remote,
                      complaint(merged)));
  }
}

void send_notes(Repository& repository, const std::string& remote, const std::string& url,
                const RefMap& there, const Say& say) {
  const RefMap notes = lacking(repository, kNotes, there);
  if (notes.empty()) return;
  ProcessResult result = push_refs(repository, url, notes);
  if (result.status != 0) {
    receive_shared_refs(repository, remote, say);
    result = push_refs(repository, url, lacking(repository, kNotes, there));
  }
  if (result.status != 0)
    say(fmt::format("warning: notes did not go to {}: {}", remote, complaint(result)));
}

/// What a push would do, as git says it.
struct PushPlan {
  std::string url;
  std::vector<PushedRef> refs;
};

std::vector<PushPlan> plan_push(const Repository& repository,
                                const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", "push", "--dry-run", "--porcelain", "--no-verify"};
  std::copy_if(
      arguments.begin(), arguments.end(), std::back_inserter(command),
      [](const std::string& argument) { return argument != "-q" && argument != "--quiet"; });
  ProcessOptions options;
  options.capture_errors = true;
  std::istringstream lines(run_process(command, options).output);
  std::vector<PushPlan> plans;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("To ")) plans.push_back({line.substr(3), {}});
    const bool moves = line.size() > 2 && line[1] == '\t' &&
                       std::string_view(" +*").find(line[0]) != std::string_view::npos;
    if (!moves || plans.empty()) continue;
    const std::string from = line.substr(2, line.find(':') - 2);
    if (const auto commit = repository.resolve(from))
      plans.back().refs.push_back({*commit, std::nullopt});
  }
  return plans;
}

std::vector<std::string> remotes(const Repository& repository) {
  std::istringstream names(quietly(repository, {"git", "remote"}).output);
  std::vector<std::string> result;
  for (std::string name; std::getline(names, name);) result.push_back(name);
  return result;
}

/// The configured remotes that `git fetch` with these arguments talks to.
std::vector<std::string> remotes_of(const Repository& repository,
                                    const std::vector<std::string>& arguments) {
  std::vector<std::string> known = remotes(repository);
  if (std::find(arguments.begin(), arguments.end(), "--all") != arguments.end()) return known;
  const std::vector<std::string> named = positionals(
      arguments, {"-o", "--server-option", "--upload-pack", "--depth", "--deepen", "-j", "--jobs",
                  "--shallow-since", "--shallow-exclude", "--refmap", "--negotiation-tip",
                  "--filter", "-s", "--strategy", "-X", "--strategy-option"});
  std::string remote = "origin";
  if (!named.empty()) {
    remote = named.front();
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

/// Objects of what arrived since `before`.
void receive_objects(Repository& repository, const std::vector<Oid>& before, const Say& say) {
  std::vector<Digest> missing;
  for (const Digest& object : objects_in_history(repository, remote_tips(repository), before))
    if (!repository.store().contains(object)) missing.push_back(object);
  if (missing.empty()) return;
  fetch_objects(repository, missing);
  const auto absent = std::count_if(missing.begin(), missing.end(), [&](const Digest& object) {
    return !repository.store().contains(object);
  });
  if (absent > 0)
    say(fmt::format("warning: {} of {} tensor objects are on no remote that is a path", absent,
                    missing.size()));
}

}  // namespace

void send_models(Repository& repository, const std::string& remote, const std::string& url,
                 const std::vector<PushedRef>& refs, const Say& say) {
  const auto directory = store_behind(url, base_of(repository));
  if (!directory) {
    say(
        fmt::format("warning: {}: tensor objects travel only to remotes that are paths so far; "
                    "only manifests are pushed",
                    url));
    return;
  }
  const RefMap there = shared_refs_there(repository, url);
  const RefMap origins = lacking(repository, kOrigins, there);
  std::vector<Oid> commits;
  std::vector<Oid> already;
  const Store store(*directory);
  for (const PushedRef& ref : refs) {
    if (const auto commit = repository.resolve(ref.local.hex() + "^{commit}"))
      commits.push_back(*commit);
    if (!ref.remote) continue;
    const auto commit = repository.resolve(ref.remote->hex() + "^{commit}");
    if (commit && models_are_there(repository, store, *commit)) already.push_back(*commit);
  }
  for (const auto& [name, id] : origins) commits.push_back(id);
  push_objects(repository, url, commits, already);

  if (!origins.empty()) {
    const ProcessResult result = push_refs(repository, url, origins);
    if (result.status != 0)
      say(fmt::format("warning: origins of rebased commits did not go to {}: {}", remote,
                      complaint(result)));
  }
  send_notes(repository, remote, url, there, say);
}

void receive_shared_refs(Repository& repository, const std::string& remote, const Say& say) {
  std::vector<std::string> command{"git", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                                   remote};
  for (std::string& refspec : shared_refspecs(remote)) command.push_back(std::move(refspec));
  const ProcessResult result = quietly(repository, command);
  if (result.status != 0)
    say(fmt::format("warning: notes and origins of {}: {}", remote, complaint(result)));
  join_notes(repository, remote, say);
}

int push(Repository& repository, const std::vector<std::string>& arguments, const Say& say) {
  if (!has_hook(repository, "pre-push"))
    for (const PushPlan& plan : plan_push(repository, arguments))
      send_models(repository, plan.url, plan.url, plan.refs, say);
  exec_process(git("push", arguments));
}

int fetch(Repository& repository, const std::vector<std::string>& arguments, const Say& say) {
  const std::vector<Oid> before = remote_tips(repository);
  const int status = loudly(git("fetch", arguments));
  if (status != 0) return status;
  for (const std::string& remote : remotes_of(repository, arguments))
    receive_shared_refs(repository, remote, say);
  receive_objects(repository, before, say);
  const LeftManifests left = restore_left_manifests(repository);
  if (!left.restored.empty()) say(fmt::format("checked out {}", fmt::join(left.restored, ", ")));
  return 0;
}

int pull(Repository& repository, const std::vector<std::string>& arguments, const Say& say) {
  const int status = loudly(git("pull", arguments));
  if (status == 0)
    for (const std::string& remote : remotes_of(repository, arguments))
      receive_shared_refs(repository, remote, say);
  return status;
}

}  // namespace mgit
