#include "worktree/left_manifests.h"

#include <fstream>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "worktree/attributes.h"
#include "worktree/index_entries.h"
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

/// Tracked files that look like manifests and that .gitattributes gives to mgit.
std::vector<std::string> candidates(const Repository& repository) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  std::istringstream listing(run_checked({"git", "ls-files", "-z"}, options));
  std::vector<std::string> paths;
  for (std::string path; std::getline(listing, path, '\0');) {
    const fs::path file = repository.work_dir() / path;
    if (fs::is_regular_file(fs::symlink_status(file)) && starts_like_manifest(file))
      paths.push_back(path);
  }
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (tracked[i]) result.push_back(std::move(paths[i]));
  return result;
}

}  // namespace

LeftManifests restore_left_manifests(const Repository& repository) {
  LeftManifests result;
  if (repository.work_dir().empty()) return result;
  std::vector<StagedFile> staged;
  for (const IndexedFile& entry :
       index_entries(repository, candidates(repository), StrangeIndex::kConvert)) {
    if (entry.conflict || entry.held) continue;
    const fs::path file = repository.work_dir() / entry.path;
    const std::string text = os::read_file(file);
    if (text != repository.blob(entry.blob)) continue;
    const Manifest manifest = parse_manifest(text, entry.path);
    try {
      repository.need(manifest, entry.path);
    } catch (const MissingError&) {
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
