#include "workflow/adopt/raw_arrivals.h"

#include <map>
#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "base/temporary_name.h"
#include "git/lfs.h"
#include "worktree/attributes.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// No manifest of a usual model is larger; what is, is taken for the file itself unread.
constexpr std::uint64_t kManifestAtMost = std::uint64_t{16} << 20;

bool is_plain_file(const TreeFile& file) { return (file.mode & 0170000U) == 0100000U; }

std::vector<RawArrival> files_to_look_at(const Repository& repository, const Oid& commit,
                                         const std::optional<Oid>& since) {
  std::map<std::string, TreeFile> before;
  if (since)
    for (auto& [path, file] : repository.files_at(*since)) before.emplace(path, file);
  std::vector<RawArrival> changed;
  for (auto& [path, file] : repository.files_at(commit)) {
    const auto old = before.find(path);
    if (is_plain_file(file) && (old == before.end() || old->second.blob != file.blob))
      changed.push_back({path, file});
  }
  return changed;
}

/// As the commit itself would have it in a clone: neither the working tree's attributes count nor
/// the user's.
void keep_those_of_mgit(const Repository& repository, const Oid& commit,
                        std::vector<RawArrival>& files) {
  const fs::path directory = repository.mgit_dir() / "tmp";
  os::create_directories(directory);
  const TemporaryName index(name_beside(directory / "index"));
  ProcessOptions options;
  options.environment["GIT_INDEX_FILE"] = index.path().string();
  run_checked({"git", "--git-dir", repository.git_dir().string(), "read-tree", commit.hex()},
              options);
  std::vector<std::string> paths;
  for (const RawArrival& file : files) paths.push_back(file.path);
  const auto attributes = attributes_of(repository, paths, {"filter"}, AttributesOf::kIndex,
                                        {.index = index.path().string()});
  std::vector<RawArrival> kept;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (attributes[i].at("filter") == "mgit") kept.push_back(std::move(files[i]));
  files = std::move(kept);
}

/// git itself answers: it fetches what a partial clone lacks.
void ask_sizes(const Repository& repository, std::vector<RawArrival>& files) {
  ProcessOptions options;
  options.input.emplace();
  for (const RawArrival& file : files) *options.input += file.file.blob.hex() + "\n";
  std::istringstream sizes(run_checked({"git", "--git-dir", repository.git_dir().string(),
                                        "cat-file", "--batch-check=%(objectsize)"},
                                       options));
  for (RawArrival& file : files) {
    std::string size;
    std::getline(sizes, size);
    file.size = std::strtoull(size.c_str(), nullptr, 10);
  }
}

}  // namespace

RawArrivals raw_arrivals(const Repository& repository, const Oid& commit,
                         const std::optional<Oid>& since) {
  RawArrivals arrivals;
  std::vector<RawArrival> files = files_to_look_at(repository, commit, since);
  if (files.empty()) return arrivals;
  keep_those_of_mgit(repository, commit, files);
  if (files.empty()) return arrivals;
  ask_sizes(repository, files);
  for (RawArrival& file : files) {
    if (file.size == 0) continue;
    const std::string text =
        file.size <= kManifestAtMost ? repository.blob(file.file.blob) : std::string();
    if (looks_like_manifest(text)) continue;
    if (parse_lfs_pointer(text))
      arrivals.lfs_pointers.push_back(file.path);
    else
      arrivals.files.push_back(std::move(file));
  }
  return arrivals;
}

}  // namespace mgit
