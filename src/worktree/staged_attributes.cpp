#include "worktree/staged_attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/os.h"
#include "base/process.h"
#include "git/attribute_lines.h"
#include "worktree/attributes.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = ".gitattributes";

/// Those that the index does not give to mgit. What the user's own attributes say, no clone has.
std::vector<std::string> lacking(const Repository& repository,
                                 const std::vector<std::string>& checkpoints) {
  const auto values = attributes_of(repository, checkpoints, {"filter"}, AttributesOf::kIndex);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < checkpoints.size(); ++i)
    if (values[i].at("filter") != "mgit") result.push_back(checkpoints[i]);
  return result;
}

/// Every .gitattributes that git reads for these paths and that is in the working tree.
std::set<std::string> files_for(const Repository& repository,
                                const std::vector<std::string>& paths) {
  std::set<std::string> files;
  for (const std::string& path : paths) {
    for (fs::path folder = fs::path(path).parent_path();; folder = folder.parent_path()) {
      const fs::path file = folder / kFile;
      if (fs::is_regular_file(fs::symlink_status(repository.work_dir() / file)))
        files.insert(file.string());
      if (folder.empty()) break;
    }
  }
  return files;
}

ProcessOptions at_top(const Repository& repository, const std::string& index = {}) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  if (!index.empty()) options.environment["GIT_INDEX_FILE"] = index;
  return options;
}

/// What the index has under this path; nullopt if nothing.
std::optional<std::string> staged_text(const Repository& repository, const std::string& file) {
  ProcessOptions options = at_top(repository);
  options.capture_errors = true;
  ProcessResult result = run_process({"git", "cat-file", "blob", ":" + file}, options);
  if (result.status != 0) return std::nullopt;
  return std::move(result.output);
}

bool is_unmerged(const Repository& repository, const std::string& file) {
  return !run_checked({"git", "ls-files", "-u", "-z", "--", ":(top,literal)" + file},
                      at_top(repository))
              .empty();
}

/// `staged` with those of mgit's lines in `text` that it lacks, at its end.
std::string with_lines_of_mgit(std::string staged, const std::string& text) {
  const std::vector<std::string> known = split_lines(staged);
  for (std::string line : split_lines(text)) {
    if (mgit_pattern(line).empty()) continue;
    if (!line.ends_with('\n')) line += '\n';
    if (std::find(known.begin(), known.end(), line) != known.end()) continue;
    if (!staged.empty() && !staged.ends_with('\n')) staged += '\n';
    staged += line;
  }
  return staged;
}

/// `git commit PATH` commits a temporary index; the one that stays waits under the lock's name.
std::string index_that_stays(const Repository& repository) {
  const char* used = std::getenv("GIT_INDEX_FILE");
  if (used == nullptr || !fs::path(used).filename().string().starts_with("next-index-")) return {};
  const fs::path lock = repository.git_dir() / "index.lock";
  return fs::exists(lock) ? lock.string() : std::string();
}

void update_index(const Repository& repository, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", "update-index", "--add"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  run_checked(command, at_top(repository));
  const std::string stays = index_that_stays(repository);
  if (!stays.empty()) run_checked(command, at_top(repository, stays));
}

void put_text(const Repository& repository, const std::string& file, const std::string& text) {
  ProcessOptions options = at_top(repository);
  options.input = text;
  std::string blob = run_checked({"git", "hash-object", "-w", "--stdin"}, options);
  if (blob.ends_with('\n')) blob.pop_back();
  update_index(repository, {"--cacheinfo", fmt::format("100644,{},{}", blob, file)});
}

std::string stage_one(const Repository& repository, const std::string& file) {
  const std::string text = os::read_file(repository.work_dir() / file);
  const std::optional<std::string> staged = staged_text(repository, file);
  const std::string wanted = staged ? with_lines_of_mgit(*staged, text) : text;
  if (staged ? wanted == *staged : is_unmerged(repository, file)) return {};
  if (wanted == text)
    update_index(repository, {"--", file});
  else
    put_text(repository, file, wanted);
  return fmt::format("note: {}: staged, too{}; a clone needs it to have checkpoints", file,
                     wanted == text ? "" : ", but only mgit's lines of it");
}

/// A place for an index, gone with its owner; the repository may be read-only.
class ScratchIndex {
 public:
  ScratchIndex() {
    std::string name = (fs::temp_directory_path() / "mgit-index-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Error("cannot create a directory", name);
    folder_ = name;
  }
  ~ScratchIndex() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  ScratchIndex(const ScratchIndex&) = delete;
  ScratchIndex& operator=(const ScratchIndex&) = delete;
  std::string path() const { return (folder_ / "index").string(); }

 private:
  fs::path folder_;
};

}  // namespace

std::vector<std::string> stage_attributes(const Repository& repository,
                                          const std::vector<std::string>& checkpoints) {
  std::vector<std::string> lines;
  if (checkpoints.empty() || repository.work_dir().empty()) return lines;
  std::vector<std::string> paths = lacking(repository, checkpoints);
  if (paths.empty()) return lines;
  for (const std::string& file : files_for(repository, paths))
    if (std::string line = stage_one(repository, file); !line.empty())
      lines.push_back(std::move(line));
  for (const std::string& path : lacking(repository, paths))
    lines.push_back(fmt::format(
        "warning: {0}: no .gitattributes that git has gives it to mgit, so a clone will have the "
        "manifest in its place (mgit track '{1}', and commit .gitattributes)",
        path, pattern_for(path)));
  return lines;
}

std::vector<std::string> manifests_without_attribute(const Repository& repository,
                                                     const Oid& commit) {
  std::vector<std::string> paths;
  for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(commit))
    paths.push_back(checkpoint.path);
  const std::vector<bool> given = given_to_mgit(repository, commit, paths);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (!given[i]) result.push_back(paths[i]);
  return result;
}

std::vector<bool> given_to_mgit(const Repository& repository, const Oid& commit,
                                const std::vector<std::string>& paths) {
  std::vector<bool> given(paths.size());
  if (paths.empty()) return given;
  const ScratchIndex index;
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.environment["GIT_INDEX_FILE"] = index.path();
  run_checked({"git", "read-tree", commit.hex()}, options);
  const auto values =
      attributes_of(repository, paths, {"filter"}, AttributesOf::kIndex, {.index = index.path()});
  for (std::size_t i = 0; i < paths.size(); ++i) given[i] = values[i].at("filter") == "mgit";
  return given;
}

std::string without_attribute_warning(const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  constexpr std::size_t kNamed = 3;
  std::set<std::string> patterns;
  for (const std::string& path : paths) patterns.insert(fmt::format("'{}'", pattern_for(path)));
  const bool one = paths.size() == 1;
  return fmt::format(
      "{}{}: {}, for no .gitattributes gives {} to mgit (mgit track {} makes {} here; commit "
      ".gitattributes, and clones get {}, too)",
      fmt::join(paths.begin(),
                paths.begin() + static_cast<std::ptrdiff_t>(std::min(paths.size(), kNamed)), ", "),
      paths.size() > kNamed ? fmt::format(" and {} more", paths.size() - kNamed) : "",
      one ? "a manifest in the checkpoint's place" : "manifests in the checkpoints' places",
      one ? "it" : "them", fmt::join(patterns, " "), one ? "a checkpoint" : "checkpoints",
      one ? "it" : "them");
}

std::string pattern_for(const std::string& path) {
  const std::string ending = fs::path(path).extension().string();
  return ending.empty() ? exact_pattern(path) : "*" + ending;
}

}  // namespace mgit
