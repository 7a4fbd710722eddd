// Moving objects between the stores of repositories on paths.
#include <fmt/format.h>

#include <exception>
#include <set>
#include <sstream>
#include <unordered_set>

#include "base/process.h"
#include "git/object_database.h"
#include "mgit/remote.h"
#include "net/url.h"
#include "remote/history.h"
#include "remote/object_remote.h"

namespace mgit {
namespace {

/// Remotes that could not be asked in this process; they are not tried again for every file.
std::set<std::string>& out_of_reach() {
  static std::set<std::string> urls;
  return urls;
}

/// Once for each remote, however many files want something from it.
void warn_of(const std::string& url, const Error& error) {
  static std::set<std::string> said;
  if (!said.insert(url).second) return;
  fmt::print(stderr, "warning: objects cannot be fetched from {}: {}\n", shown_url(url),
             error.what());
  if (!error.hint().empty()) fmt::print(stderr, "hint: {}\n", error.hint());
}

/// Those that the other side has; none if it cannot be asked, which is said.
std::vector<Digest> offered_by(const ObjectRemote& there, const std::string& url,
                               const std::vector<Digest>& objects) {
  try {
    const std::vector<Digest> lacking = there.lacking(objects);
    const std::unordered_set<Digest> absent(lacking.begin(), lacking.end());
    std::vector<Digest> result;
    for (const Digest& object : objects)
      if (!absent.contains(object)) result.push_back(object);
    return result;
  } catch (const Error& error) {
    out_of_reach().insert(url);
    warn_of(url, error);
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

/// The objects behind a remote, unless they are this repository's own, not there or out of reach.
std::unique_ptr<ObjectRemote> other_side(const Workspace& repository, const std::string& url) {
  if (out_of_reach().contains(url)) return nullptr;
  try {
    auto there = open_remote(repository, url);
    return there && !there->is(repository.store()) ? std::move(there) : nullptr;
  } catch (const Error& error) {
    out_of_reach().insert(url);
    warn_of(url, error);
    return nullptr;
  }
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
    if (auto offered = offered_by(*there, url, objects); !offered.empty())
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

TransferReport push_objects(const Workspace& repository, ObjectRemote& there, std::string_view url,
                            const std::vector<Oid>& commits,
                            const std::vector<Oid>& already_there) {
  if (there.is(repository.store())) return {};
  const HistoryObjects objects = list_objects(repository, known_commits(repository, commits),
                                              known_commits(repository, already_there));
  const std::vector<Digest> needed = with_recorded(repository, objects);
  there.keep(needed);  // before asking what it has, so that a gc over there keeps it
  const std::vector<Digest> wanted = there.lacking(needed);
  if (const auto absent = repository.store().lacking(wanted); !absent.empty())
    fetch_objects(repository, absent);
  if (const auto absent = repository.store().lacking(wanted); !absent.empty())
    throw MissingError(
        fmt::format("{} of {} objects to push are not in this repository, the first "
                    "is {}",
                    absent.size(), wanted.size(), absent.front().hex().substr(0, 12)),
        shown_url(url), "fetch them first: mgit fetch");
  return there.send(repository.store(), wanted);
}

TransferReport push_objects(const Workspace& repository, std::string_view url,
                            const std::vector<Oid>& commits,
                            const std::vector<Oid>& already_there) {
  const auto there = open_remote(repository, url);
  if (!there) return {};
  return push_objects(repository, *there, url, commits, already_there);
}

void fetch_objects(const Workspace& repository, const std::vector<Digest>& objects) {
  std::vector<Digest> wanted = repository.store().lacking(objects);
  std::exception_ptr failure;
  for (const std::string& url : remote_urls(repository)) {
    if (wanted.empty()) return;
    const auto there = other_side(repository, url);
    if (!there) continue;
    const std::vector<Digest> offered = offered_by(*there, url, wanted);
    if (offered.empty()) continue;
    try {
      const auto batch = repository.store().begin();
      there->receive(*batch, offered);
      batch->commit();
    } catch (const Error& error) {
      // Who asked takes a missing object for nowhere, and would not say why.
      if (dynamic_cast<const MissingError*>(&error) != nullptr) warn_of(url, error);
      if (!failure) failure = std::current_exception();  // another remote may have them whole
    }
    wanted = repository.store().lacking(wanted);
  }
  if (failure && !wanted.empty()) std::rethrow_exception(failure);
}

}  // namespace mgit
