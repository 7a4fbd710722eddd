#include "repo/pending_checkout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "base/os.h"
#include "base/progress.h"
#include "repo/attributes.h"
#include "repo/placed_checkpoint.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "MGIT_CHECKOUT";

struct Interrupted {};

fs::path list_file(const Repository& repository) { return repository.git_dir() / "mgit-checkout"; }

struct Pending {
  std::string path;
  std::string text;
  Manifest manifest;
};

/// Manifests that still stand where the list says; the user may have been there since.
std::vector<Pending> pending(const Repository& repository) {
  if (!fs::exists(list_file(repository))) return {};
  std::istringstream list(os::read_file(list_file(repository)));
  std::set<std::string> names;
  for (std::string path; std::getline(list, path, '\0');) names.insert(path);
  const std::vector<std::string> paths(names.begin(), names.end());
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  std::vector<Pending> result;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const fs::path file = repository.work_dir() / paths[i];
    if (!tracked[i] || !fs::is_regular_file(fs::symlink_status(file))) continue;
    std::string text = os::read_file(file);
    if (!looks_like_manifest(text)) continue;
    Manifest manifest = parse_manifest(text, paths[i]);
    result.push_back({paths[i], std::move(text), std::move(manifest)});
  }
  return result;
}

/// False if its objects are nowhere.
bool objects_are_here(const Repository& repository, const Pending& file) {
  try {
    repository.need(file.manifest, file.path);
    return true;
  } catch (const MissingError&) {
    fmt::print(stderr,
               "warning: {0}: tensor objects are not here; left as a manifest "
               "(mgit fetch, then mgit install)\n",
               file.path);
    return false;
  }
}

void complain(const Error& error, const std::string& path) {
  const std::string where =
      error.where().empty() || error.where() == path ? path : path + ": " + error.where();
  fmt::print(stderr, "error: {}: {}{}\n", where, error.what(),
             error.hint().empty() ? "" : " (" + error.hint() + ")");
}

}  // namespace

std::map<std::string, std::string> leave_checkout_to_mgit(const Repository& repository) {
  return {{kVariable, repository.git_dir().string()}};
}

bool leaves_checkout_to_mgit(const Repository& repository) {
  const char* directory = std::getenv(kVariable);
  return directory != nullptr && repository.git_dir() == directory;
}

void note_pending(const Repository& repository, const std::string& path) {
  const fs::path list = list_file(repository);
  const os::File file(::open(list.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.fd() < 0) throw Error("cannot write", list.string());
  os::write_all(file, as_bytes(path + '\0'), list);
}

PlacedFiles place_pending(const Repository& repository, const std::function<bool()>& interrupted) {
  PlacedFiles placed;
  const std::vector<Pending> files = pending(repository);
  std::uint64_t total = 0;
  for (const Pending& file : files) total += file.manifest.size;
  Progress progress("Writing checkpoints", total, Progress::Unit::kBytes);
  for (const Pending& file : files) {
    const fs::path path = repository.work_dir() / file.path;
    try {
      if (!objects_are_here(repository, file)) continue;
      StagedFile now;
      now.path = file.path;
      now.blob = blob_id(file.text);
      now.stat = place_checkpoint(repository.store(), file.manifest, path, [&](std::uint64_t n) {
        if (interrupted()) throw Interrupted();
        progress.advance(n);
      });
      placed.files.push_back(std::move(now));
    } catch (const Interrupted&) {
      placed.failed = true;
      break;
    } catch (const Error& error) {
      complain(error, file.path);
      placed.failed = true;
      ::unlink(path.c_str());
    }
  }
  return placed;
}

void forget_pending(const Repository& repository) { ::unlink(list_file(repository).c_str()); }

}  // namespace mgit
