// mgit push, and the objects of a push.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <unordered_set>

#include "base/words.h"
#include "remote/history.h"
#include "remote/object_location.h"
#include "remote/object_remote.h"
#include "workflow/exchange/exchange.h"
#include "workflow/exchange/git_call.h"
#include "workflow/exchange/shared_refs.h"

namespace mgit {
namespace {

// From mgit push to its hook: that only manifests go, and what is there already, a line for each
// URL and commit, "COMMIT URL".
constexpr const char* kScopeVariable = "MGIT_MANIFESTS_ONLY";
constexpr const char* kSentVariable = "MGIT_SENT";

std::optional<Oid> commit_of(const Repository& repository, const Oid& id) {
  return repository.resolve(id.hex() + "^{commit}");
}

/// Those of the commits whose checkpoints have all their objects on the other side: one question.
std::vector<Oid> with_models_there(const Repository& repository, const ObjectRemote& there,
                                   const std::vector<Oid>& commits) {
  std::vector<std::vector<Digest>> needed;
  std::vector<Digest> asked;
  std::unordered_set<Digest> known;
  for (const Oid& commit : commits) {
    needed.emplace_back();
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(commit))
      for (const Digest& object : objects_of(checkpoint.manifest)) {
        needed.back().push_back(object);
        if (known.insert(object).second) asked.push_back(object);
      }
  }
  const std::vector<Digest> lacking = there.lacking(asked);
  const std::unordered_set<Digest> absent(lacking.begin(), lacking.end());
  std::vector<Oid> result;
  for (std::size_t i = 0; i < commits.size(); ++i)
    if (std::none_of(needed[i].begin(), needed[i].end(),
                     [&](const Digest& object) { return absent.contains(object); }))
      result.push_back(commits[i]);
  return result;
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
  throw Error(fmt::format("models cannot be sent there, only to {}; nothing was pushed",
                          remote_kinds_text()),
              shown_url(url),
              "mgit push --manifests-only, or git config mgit.manifestsOnly true, pushes the "
              "manifests alone");
}

/// A configured remote.
struct PushRemote {
  std::string name;  // empty: none is configured
  std::string url;   // with the user and password that git does not show
};

/// A URL as git shows it: without the user and the password.
std::string shown_by_git(const std::string& url) {
  const std::size_t at = url.find('@');
  const std::size_t scheme = url.find("://");
  if (at == std::string::npos || at > url.find('/', scheme == std::string::npos ? 0 : scheme + 3))
    return url;
  if (scheme != std::string::npos) return url.substr(0, scheme + 3) + url.substr(at + 1);
  return url.find(':', at) == std::string::npos ? url : url.substr(at + 1);
}

/// Whose URL git shows so: a remote's, or one of the arguments.
PushRemote remote_that_pushes_to(const Repository& repository, const std::string& shown,
                                 const std::vector<std::string>& arguments) {
  std::istringstream lines(run_quietly(repository, {"git", "remote", "-v"}).output);
  PushRemote similar{{}, shown};
  for (std::string line; std::getline(lines, line);) {  // "origin\t../there.git (push)"
    const std::size_t tab = line.find('\t');
    const std::size_t end = line.rfind(" (push)");
    if (tab == std::string::npos || end == std::string::npos || end < tab) continue;
    PushRemote remote{line.substr(0, tab), line.substr(tab + 1, end - tab - 1)};
    if (remote.url == shown) return remote;
    if (similar.name.empty() && shown_by_git(remote.url) == shown) similar = remote;
  }
  for (const std::string& word : arguments) {
    if (!similar.name.empty() || word.starts_with('-')) continue;
    const std::string url = run_quietly(repository, {"git", "ls-remote", "--get-url", word}).output;
    const std::string first = url.substr(0, url.find('\n'));
    if (first != shown && shown_by_git(first) == shown) return {{}, first};
  }
  return similar;
}

/// What a push would do, as git says it.
struct PushPlan {
  std::string shown;  // the URL as git shows it
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

bool were_sent(const Repository& repository, const std::string& url,
               const std::vector<PushedRef>& refs) {
  const char* said = std::getenv(kSentVariable);
  if (said == nullptr || refs.empty()) return false;
  std::set<std::string> sent;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) sent.insert(line);
  return std::ranges::all_of(refs, [&](const PushedRef& ref) {
    const auto commit = commit_of(repository, ref.local);
    return commit && sent.contains(commit->hex() + " " + url);
  });
}

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
    std::vector<Oid> refs_there;
    for (const PushedRef& ref : refs) {
      if (const auto commit = commit_of(repository, ref.local)) commits.push_back(*commit);
      if (!ref.remote) continue;
      if (const auto commit = commit_of(repository, *ref.remote)) refs_there.push_back(*commit);
    }
    for (const auto& [ref, id] : originals) commits.push_back(id);
    try {
      sent = push_objects(repository, *there, url, commits,
                          with_models_there(repository, *there, refs_there));
    } catch (const TakesNoObjects&) {
      if (brings_models(repository, moving_commits(repository, remote, refs))) throw;
    }
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
  std::vector<PushPlan> plans = read_plans(repository, planned.output);
  if (planned.status != 0 && plans.empty()) {
    fmt::print(stderr, "{}", planned.errors);
    return planned.status;
  }
  std::string all_sent;
  for (const PushPlan& plan : plans) {
    const auto [name, url] = remote_that_pushes_to(repository, plan.shown, call.arguments);
    const TransferReport sent =
        send_models(repository, name.empty() ? url : name, url, plan.refs, scope, say);
    if (scope == PushScope::kModels)
      for (const PushedRef& ref : plan.refs)
        if (const auto commit = commit_of(repository, ref.local))
          all_sent += commit->hex() + " " + url + "\n";
    if (call.quiet) continue;
    if (sent.objects > 0)
      say(fmt::format("sent {} ({}) to {}", counted(sent.objects, "object"),
                      size_text(sent.stored_bytes),
                      shown_location(object_location(repository, url))));
    if (scope == PushScope::kManifestsOnly)
      say(fmt::format("only manifests go to {}; mgit push sends their models later", plan.shown));
  }
  // An environment as large as this is not everybody's; the hook looks for itself then.
  if (constexpr std::size_t kMost = 64 << 10; all_sent.size() < kMost)
    ::setenv(kSentVariable, all_sent.c_str(), 1);
  return 0;
}

}  // namespace mgit
