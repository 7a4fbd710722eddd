#include "worktree/pending_checkout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "base/os.h"
#include "base/progress.h"
#include "worktree/attributes.h"
#include "worktree/lazy.h"
#include "worktree/placed_checkpoint.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "MGIT_CHECKOUT";

/// No failure of a file.
struct Interrupted {};

fs::path list_file(const Repository& repository) { return repository.git_dir() / "mgit-checkout"; }

struct Pending {
  std::string path;
  Oid blob;
  Manifest manifest;
};

void complain(const std::string& words, const std::string& where, const std::string& hint,
              const std::string& path) {
  const std::string place = where.empty() || where == path ? path : path + ": " + where;
  fmt::print(stderr, "error: {}: {}{}\n", place, words, hint.empty() ? "" : " (" + hint + ")");
}

/// Does what belongs to one file. False if it failed, which is said.
bool succeeds(const std::string& path, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const Error& error) {
    complain(error.what(), error.where(), error.hint(), path);
  } catch (const std::exception& error) {
    complain(error.what(), {}, {}, path);
  }
  return false;
}

/// What stands there, be it a link. Never throws.
fs::file_type kind_of(const fs::path& file) {
  std::error_code none;
  return fs::symlink_status(file, none).type();
}

/// What the list names and mgit tracks.
std::vector<std::string> listed(const Repository& repository) {
  if (kind_of(list_file(repository)) == fs::file_type::not_found) return {};
  std::istringstream list(os::read_file(list_file(repository)));
  std::set<std::string> names;
  for (std::string path; std::getline(list, path, '\0');) names.insert(path);
  const std::vector<std::string> paths(names.begin(), names.end());
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (tracked[i]) result.push_back(paths[i]);
  return result;
}

/// What an earlier attempt could not write is missing since: its manifest takes the place again.
void put_manifests_back(const Repository& repository, const IndexCopy& index,
                        const std::vector<std::string>& paths, PlacedFiles& placed) {
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    const fs::path file = repository.work_dir() / path;
    if (kind_of(file) == fs::file_type::not_found &&
        kind_of(file.parent_path()) == fs::file_type::directory)
      missing.push_back(path);
  }
  for (const StagedFile& staged : index.find(missing)) {
    const bool back = succeeds(staged.path, [&] {
      const std::string text = repository.blob(staged.blob);
      if (!looks_like_manifest(text)) return;
      const fs::path file = repository.work_dir() / staged.path;
      os::write_file(file, as_bytes(text));
      if ((staged.stat.st_mode & S_IXUSR) != 0)
        fs::permissions(file, fs::perms::owner_exec, fs::perm_options::add);
    });
    if (!back) placed.failed.push_back(staged.path);
  }
}

/// Manifests that stand where the list says; the user may have been there since.
std::vector<Pending> pending(const Repository& repository, const IndexCopy& index,
                             PlacedFiles& placed) {
  const std::vector<std::string> paths = listed(repository);
  put_manifests_back(repository, index, paths, placed);
  std::vector<Pending> result;
  for (const std::string& path : paths) {
    const fs::path file = repository.work_dir() / path;
    if (kind_of(file) != fs::file_type::regular) continue;
    const bool read = succeeds(path, [&] {
      const std::string text = os::read_file(file);
      if (!looks_like_manifest(text)) return;
      Manifest manifest = parse_manifest(text, path);
      result.push_back({path, blob_id(text), std::move(manifest)});
    });
    if (!read) placed.failed.push_back(path);
  }
  return result;
}

/// Files of the working tree that probably have the content of a blob.
class Twins {
 public:
  Twins(const Repository& repository, const std::vector<Pending>& files, const IndexCopy& index)
      : work_dir_(repository.work_dir()) {
    std::set<Oid> blobs;
    for (const Pending& file : files) blobs.insert(file.blob);
    for (const StagedFile& file : index.unchanged(blobs)) add(file.blob, file.path);
  }
  void add(const Oid& blob, const std::string& path) { paths_.emplace(blob, work_dir_ / path); }
  /// Empty if there is none.
  fs::path of(const Oid& blob) const {
    const auto found = paths_.find(blob);
    return found == paths_.end() ? fs::path() : found->second;
  }

 private:
  fs::path work_dir_;
  std::map<Oid, fs::path> paths_;
};

/// git takes an entry without stat data for unknown and looks at the content: should the index not
/// hear of what is placed, manifest and checkpoint are both what it has.
void forget_stat_data(const std::vector<Pending>& files, IndexCopy& index) {
  std::vector<StagedFile> unknown(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    unknown[i].path = files[i].path;
    unknown[i].blob = files[i].blob;
  }
  if (!unknown.empty()) index.refresh(unknown);
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

PlacedFiles place_pending(const Workspace& repository, IndexCopy& index,
                          const std::function<bool()>& interrupted) {
  PlacedFiles placed;
  const std::vector<Pending> files = pending(repository, index, placed);
  forget_stat_data(files, index);
  Twins twins(repository, files, index);
  std::uint64_t total = 0;
  for (const Pending& file : files) total += file.manifest.size;
  Progress progress("Writing checkpoints", total, Progress::Unit::kBytes);
  const auto advance = [&](std::uint64_t bytes) {
    if (interrupted()) throw Interrupted();
    progress.advance(bytes);
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Pending& file = files[i];
    const fs::path path = repository.work_dir() / file.path;
    const auto place = [&] {
      if (!ready_to_place(repository, file.manifest, file.path)) return;
      StagedFile now;
      now.path = file.path;
      now.blob = file.blob;
      now.stat =
          place_checkpoint(repository.store(), file.manifest, path, advance, twins.of(file.blob));
      twins.add(file.blob, file.path);
      placed.files.push_back(std::move(now));
    };
    try {
      if (interrupted()) throw Interrupted();
      if (succeeds(file.path, place)) continue;
      placed.failed.push_back(file.path);
      ::unlink(path.c_str());
    } catch (const Interrupted&) {
      placed.left = files.size() - i;
      break;
    }
  }
  return placed;
}

void forget_pending(const Repository& repository) { ::unlink(list_file(repository).c_str()); }

}  // namespace mgit
