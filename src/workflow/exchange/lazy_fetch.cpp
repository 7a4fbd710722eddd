#include "workflow/exchange/lazy_fetch.h"

#include <fnmatch.h>

#include <optional>
#include <set>
#include <sstream>

#include "base/process.h"
#include "worktree/lazy.h"

namespace mgit {
namespace {

/// One blob of `git ls-files -s -z` or `git ls-tree -z`: "… BLOB … TAB PATH".
std::optional<Oid> blob_of(const std::string& entry) {
  std::istringstream words(entry.substr(0, entry.find('\t')));
  for (std::string word; words >> word;)
    if (const auto id = Oid::from_hex(word)) return id;
  return std::nullopt;
}

/// Where the user is; nothing for pathspecs that git does not take.
std::vector<std::string> listed(std::vector<std::string> command,
                                const std::vector<std::string>& pathspecs) {
  command.emplace_back("--");
  command.insert(command.end(), pathspecs.begin(), pathspecs.end());
  ProcessOptions options;
  options.capture_errors = true;
  const ProcessResult result = run_process(command, options);
  std::vector<std::string> entries;
  if (result.status != 0) return entries;
  std::istringstream listing(result.output);
  for (std::string entry; std::getline(listing, entry, '\0');) entries.push_back(entry);
  return entries;
}

void fetch_checkpoint(const Workspace& repository, const Oid& blob) {
  const std::string text = repository.blob(blob);
  if (!looks_like_manifest(text)) return;
  try {
    repository.need(parse_manifest(text, blob.brief()), blob.brief());
  } catch (const MissingError&) {  // the manifest stays, which is said where it does
  }
}

}  // namespace

void fetch_named(const Workspace& repository, const std::string& source,
                 const std::vector<std::string>& positionals) {
  if (!is_lazy(repository) || positionals.empty()) return;
  std::vector<std::string> pathspecs = positionals;
  std::optional<Oid> commit = source.empty() ? std::nullopt : repository.resolve(source);
  if (source.empty()) commit = repository.resolve(positionals.front());
  if (source.empty() && commit) pathspecs.erase(pathspecs.begin());
  if (pathspecs.empty()) return;
  const std::vector<std::string> entries =
      commit ? listed({"git", "ls-tree", "-r", "-z", commit->hex()}, pathspecs)
             : listed({"git", "ls-files", "-s", "-z"}, pathspecs);
  for (const std::string& entry : entries)
    if (const auto blob = blob_of(entry)) fetch_checkpoint(repository, *blob);
}

std::vector<Digest> included_objects(const Repository& repository,
                                     const std::vector<std::string>& patterns) {
  std::set<Oid> tips;
  if (const auto head = repository.head()) tips.insert(*head);
  for (const auto& [name, id] : repository.refs("refs/remotes/")) tips.insert(id);
  std::set<Digest> objects;
  std::set<Oid> seen;
  std::set<std::string> matched;
  for (const Oid& tip : tips)
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(tip)) {
      if (!seen.insert(checkpoint.file.blob).second) continue;
      for (const ManifestTensor& tensor : checkpoint.manifest.tensors)
        for (const std::string& pattern : patterns)
          if (::fnmatch(pattern.c_str(), tensor.info.name.c_str(), 0) == 0) {
            objects.insert(tensor.object);
            matched.insert(pattern);
          }
    }
  for (const std::string& pattern : patterns)
    if (!matched.contains(pattern))
      throw MissingError("no tensor has such a name", "--include " + pattern,
                         "mgit ls lists those of HEAD");
  return {objects.begin(), objects.end()};
}

}  // namespace mgit
