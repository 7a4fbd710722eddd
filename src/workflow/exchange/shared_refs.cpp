#include "workflow/exchange/shared_refs.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "remote/object_location.h"
#include "workflow/exchange/git_call.h"

namespace mgit {
namespace {

constexpr std::string_view kOriginals = "refs/mgit/origin/";
constexpr std::string_view kNotes = "refs/notes/mgit/";
constexpr std::string_view kReceived = "refs/mgit/remotes/";
constexpr std::string_view kUnnamed = "unnamed";  // whatever was pushed to by its URL

/// Our refs below `prefix` that the other side has otherwise or not at all.
RefMap lacking(const Repository& repository, std::string_view prefix, const RefMap& there) {
  RefMap result;
  for (const auto& [name, id] : repository.refs(prefix)) {
    const auto other = there.find(name);
    if (other == there.end() || other->second != id) result.emplace(name, id);
  }
  return result;
}

/// refs/mgit/remotes/<remote>/origin/<name> as refs/mgit/origin/<name>.
std::optional<std::string> name_of_original(std::string_view received) {
  constexpr std::string_view kPart = "/origin/";
  const std::size_t at = received.rfind(kPart);
  // Originals are named by their commits; "origin" may be the name of the remote as well.
  if (at == std::string_view::npos || !Oid::from_hex(received.substr(at + kPart.size())))
    return std::nullopt;
  return fmt::format("{}{}", kOriginals, received.substr(at + kPart.size()));
}

bool models_are_here(const Workspace& repository, const Oid& commit) {
  try {
    const auto checkpoints = repository.checkpoints_at(commit);
    return std::all_of(checkpoints.begin(), checkpoints.end(), [&](const auto& checkpoint) {
      return missing_objects(repository.store(), checkpoint.manifest).empty();
    });
  } catch (const Error&) {
    return false;
  }
}

ProcessResult push_refs(const Repository& repository, const std::string& url, const RefMap& refs) {
  std::vector<std::string> command{
      "git", "push", "--quiet", "--no-verify", "--no-recurse-submodules", url};
  for (const auto& [name, id] : refs) command.push_back(fmt::format("{}:{}", id.hex(), name));
  return run_quietly(repository, command);
}

/// Notes are text of one line per entry: the union of both sides is right, in any order.
void join_notes(Repository& repository, const std::string& remote, const Say& say) {
  const std::string prefix = fmt::format("{}{}/notes/", kReceived, remote);
  for (const auto& [theirs, id] : repository.refs(prefix)) {
    const std::string ours = fmt::format("{}{}", kNotes, theirs.substr(prefix.size()));
    const std::optional<Oid> mine = repository.ref(ours);
    if (mine == id) continue;
    if (!mine) {
      repository.update_ref(ours, id, std::nullopt, fmt::format("mgit: notes from {}", remote));
      continue;
    }
    const ProcessResult merged = run_quietly(
        repository, git_command("notes", {fmt::format("--ref={}", ours), "merge", "--quiet",
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
    receive_shared_refs(repository, remote, url, say);
    result = push_refs(repository, url, lacking(repository, kNotes, there));
  }
  if (result.status != 0)
    say(fmt::format("warning: notes did not go to {}: {}", shown_url(url), complaint(result)));
}

}  // namespace

RefMap shared_refs_there(const Repository& repository, const std::string& url) {
  const ProcessResult listing = run_quietly(
      repository,
      {"git", "ls-remote", url, std::string(kOriginals) + "*", std::string(kNotes) + "*"});
  RefMap refs;
  std::istringstream lines(listing.output);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    if (const auto id = Oid::from_hex(line.substr(0, tab))) refs.emplace(line.substr(tab + 1), *id);
  }
  return refs;
}

RefMap originals_to_send(const Workspace& repository, const RefMap& there) {
  RefMap result = lacking(repository, kOriginals, there);
  for (const auto& [received, id] : repository.refs(kReceived)) {
    const auto name = name_of_original(received);
    if (name && !there.contains(*name) && !result.contains(*name) &&
        models_are_here(repository, id))
      result.emplace(*name, id);
  }
  return result;
}

void send_shared_refs(Repository& repository, const std::string& remote, const std::string& url,
                      const RefMap& originals, const RefMap& there, const Say& say) {
  if (!originals.empty()) {
    const ProcessResult result = push_refs(repository, url, originals);
    if (result.status != 0)
      say(fmt::format("warning: origins of rebased commits did not go to {}: {}", shown_url(url),
                      complaint(result)));
  }
  send_notes(repository, remote, url, there, say);
}

void receive_shared_refs(Repository& repository, const std::string& remote,
                         const std::string& source, const Say& say) {
  if (repository.config(fmt::format("remote.{}.mirror", remote)) == "true" &&
      repository.work_dir().empty())
    return;
  const std::string name = remote.empty() ? std::string(kUnnamed) : remote;
  std::vector<std::string> command{"git",
                                   "fetch",
                                   "--quiet",
                                   "--no-tags",
                                   "--no-prune",
                                   "--no-recurse-submodules",
                                   "--no-write-fetch-head",
                                   source};
  for (std::string& refspec : shared_refspecs(name)) command.push_back(std::move(refspec));
  const ProcessResult result = run_quietly(repository, command);
  if (result.status != 0)
    say(fmt::format("warning: notes and origins of {}: {}", shown_url(source), complaint(result)));
  join_notes(repository, name, say);
}

}  // namespace mgit
