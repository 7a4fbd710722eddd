// Moving objects between the stores of repositories on paths.
#include <fmt/format.h>

#include <exception>
#include <sstream>
#include <unordered_set>

#include "base/process.h"
#include "git/object_database.h"
#include "mgit/remote.h"
#include "remote/history.h"
#include "remote/object_remote.h"

namespace mgit {
namespace {

/// Those that the other side has; none if it cannot be read.
std::vector<Digest> offered_by(const ObjectRemote& there, const std::vector<Digest>& objects) {
  try {
    const std::vector<Digest> lacking = there.lacking(objects);
    const std::unordered_set<Digest> absent(lacking.begin(), lacking.end());
    std::vector<Digest> result;
    for (const Digest& object : objects)
      if (!absent.contains(object)) result.push_back(object);
    return result;
  } catch (const Error&) {
    return {};
  }
}

/// Those that name commits this repository has; tags are peeled.
std::vector<Oid> known_commits(const Repository& repository, const std::vector<Oid>& ids) {
  std::vector<Oid> result;
  const ObjectDatabase objects(repository, ObjectDatabase::Mode::kOnlyName);
  for (const Oid& id : ids) {
    try {
      const ObjectType type = objects.type(id);
      if (type == ObjectType::kCommit) result.push_back(id);
      if (type != ObjectType::kTag) continue;
      if (const auto commit = repository.resolve(id.hex())) result.push_back(*commit);
    } catch (const MissingError&) {
      continue;
    }
  }
  return result;
}

/// URLs of all remotes, for fetching and for pushing, with url.*.insteadOf applied.
std::vector<std::string> remote_urls(const Repository& repository) {
  ProcessOptions options;
  options.directory = base_of_urls(repository).string();
  options.capture_errors = true;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  const ProcessResult result = run_process({"git", "remote", "-v"}, options);
  std::vector<std::string> urls;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {  // "origin\t../there.git (fetch)"
    const std::size_t start = line.find('\t');
    const std::size_t end = std::max(line.rfind(" (fetch)") + 1, line.rfind(" (push)") + 1);
    if (start == std::string::npos || end <= start + 1) continue;
    const std::string url = line.substr(start + 1, end - start - 2);
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  }
  return urls;
}

/// The objects behind a remote, unless they are this repository's own or not there.
std::unique_ptr<ObjectRemote> other_side(const Workspace& repository, const std::string& url) {
  auto there = open_remote(repository, url);
  return there && !there->is(repository.store()) ? std::move(there) : nullptr;
}

/// All objects to push. What a record names and nobody has is said and left out: a trailer that
/// somebody made up must not keep a history from being pushed.
std::vector<Digest> with_recorded(const Workspace& repository, const HistoryObjects& objects) {
  const Store& store = repository.store();
  if (const auto absent = store.lacking(objects.of_records); !absent.empty())
    fetch_objects(repository, absent);
  std::vector<Digest> all = objects.of_models;
  std::size_t nowhere = 0;
  for (const Digest& object : objects.of_records) {
    if (store.contains(object))
      all.push_back(object);
    else
      ++nowhere;
  }
  if (nowhere > 0)
    fmt::print(stderr,
               "warning: {} object{} that commits name in their records of rebases and merges {} "
               "nowhere; pushed without\n",
               nowhere, nowhere == 1 ? "" : "s", nowhere == 1 ? "is" : "are");
  return all;
}

}  // namespace

std::vector<std::pair<std::string, std::vector<Digest>>> objects_at_remotes(
    const Workspace& repository, const std::vector<Digest>& objects) {
  std::vector<std::pair<std::string, std::vector<Digest>>> result;
  for (const std::string& url : remote_urls(repository)) {
    const auto there = other_side(repository, url);
    if (!there) continue;
    if (auto offered = offered_by(*there, objects); !offered.empty())
      result.emplace_back(url, std::move(offered));
  }
  return result;
}

TransferReport transfer(const Store& from, Store& to, const std::vector<Digest>& objects) {
  const std::vector<Digest> wanted = to.lacking(objects);
  if (wanted.empty()) return {};
  const auto batch = to.begin();
  TransferReport report;
  report.objects = batch->copy(from, wanted);
  report.stored_bytes = batch->stored();
  batch->commit();
  return report;
}

TransferReport push_objects(const Workspace& repository, std::string_view url,
                            const std::vector<Oid>& commits,
                            const std::vector<Oid>& already_there) {
  const auto there = other_side(repository, std::string(url));
  if (!there) return {};
  const HistoryObjects objects = list_objects(repository, known_commits(repository, commits),
                                              known_commits(repository, already_there));
  const std::vector<Digest> needed = with_recorded(repository, objects);
  there->keep(needed);  // before asking what it has, so that a gc over there keeps it
  const std::vector<Digest> wanted = there->lacking(needed);
  if (const auto absent = repository.store().lacking(wanted); !absent.empty())
    fetch_objects(repository, absent);
  if (const auto absent = repository.store().lacking(wanted); !absent.empty())
    throw MissingError(
        fmt::format("{} of {} objects to push are not in this repository, the first "
                    "is {}",
                    absent.size(), wanted.size(), absent.front().hex().substr(0, 12)),
        std::string(url), "fetch them first: mgit fetch");
  return there->send(repository.store(), wanted);
}

void fetch_objects(const Workspace& repository, const std::vector<Digest>& objects) {
  std::vector<Digest> wanted = repository.store().lacking(objects);
  std::exception_ptr failure;
  for (const std::string& url : remote_urls(repository)) {
    if (wanted.empty()) return;
    const auto there = other_side(repository, url);
    if (!there) continue;
    const std::vector<Digest> offered = offered_by(*there, wanted);
    if (offered.empty()) continue;
    try {
      const auto batch = repository.store().begin();
      there->receive(*batch, offered);
      batch->commit();
    } catch (const Error&) {
      if (!failure) failure = std::current_exception();  // another remote may have them whole
    }
    wanted = repository.store().lacking(wanted);
  }
  if (failure && !wanted.empty()) std::rethrow_exception(failure);
}

}  // namespace mgit
