#include "worktree/left_manifests.h"

#include <fstream>
#include <optional>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "worktree/attributes.h"
#include "worktree/index_copy.h"
#include "worktree/lazy.h"
#include "worktree/placed_checkpoint.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

bool starts_like_manifest(const fs::path& file) {
  std::array<char, 64> start{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(start.data(), start.size());
  return looks_like_manifest({start.data(), static_cast<std::size_t>(stream.gcount())});
}

std::vector<std::string> files_of_index(const Repository& repository, const std::string& pathspec) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  std::istringstream listing(run_checked({"git", "ls-files", "-z", "--", pathspec}, options));
  std::vector<std::string> paths;
  for (std::string path; std::getline(listing, path, '\0');) paths.push_back(path);
  return paths;
}

/// Those that look like manifests; the ones that are not mgit's go to `foreign`.
std::vector<std::string> candidates(const Repository& repository,
                                    const std::vector<std::string>& among,
                                    std::vector<std::string>& foreign) {
  std::vector<std::string> paths;
  for (const std::string& path : among) {
    const fs::path file = repository.work_dir() / path;
    if (fs::is_regular_file(fs::symlink_status(file)) && starts_like_manifest(file))
      paths.push_back(path);
  }
  const auto values = attributes_of(repository, paths, {"filter"});
  std::vector<std::string> result;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string& filter = values[i].at("filter");
    if (filter == "mgit")
      result.push_back(paths[i]);
    else if (filter != "unset")  // somebody wants the manifest
      foreign.push_back(paths[i]);
  }
  return result;
}

}  // namespace

std::vector<std::string> files_of_mgit(const Repository& repository) {
  return files_of_index(repository, ":(top,attr:filter=mgit)");
}

std::vector<std::string> left_manifests(const Repository& repository) {
  std::vector<std::string> foreign;
  return candidates(repository, files_of_mgit(repository), foreign);
}

LeftManifests restore_left_manifests(const Workspace& repository) {
  if (repository.work_dir().empty()) return {};
  return restore_left_manifests(repository, files_of_index(repository, ":/"));
}

LeftManifests restore_left_manifests(const Workspace& repository,
                                     const std::vector<std::string>& paths) {
  LeftManifests result;
  std::optional<bool> lazy;  // asked where it matters: it may cost a process
  std::vector<StagedFile> staged;
  for (const IndexedFile& entry : index_entries(
           repository, candidates(repository, paths, result.foreign), StrangeIndex::kConvert)) {
    if (entry.conflict || entry.held) continue;
    const fs::path file = repository.work_dir() / entry.path;
    const std::string text = os::read_file(file);
    if (text != repository.blob(entry.blob)) continue;
    const Manifest manifest = parse_manifest(text, entry.path);
    if (!missing_objects(repository.store(), manifest).empty()) {
      if (!lazy) lazy = is_lazy(repository);
      if (*lazy) continue;
    }
    try {
      repository.need(manifest, entry.path);
    } catch (const MissingError&) {
      result.missing.push_back(entry.path);
      continue;
    } catch (const Error& error) {
      result.failures.push_back(error.where() + ": " + error.what());
      result.missing.push_back(entry.path);
      continue;
    }
    StagedFile now;
    now.path = entry.path;
    now.blob = entry.blob;
    now.stat = place_checkpoint(repository.store(), manifest, file);
    staged.push_back(std::move(now));
    result.restored.push_back(entry.path);
  }
  stage(repository, staged);
  return result;
}

}  // namespace mgit
