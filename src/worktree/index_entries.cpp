#include "worktree/index_entries.h"

#include <fcntl.h>

#include <cstdlib>

#include "base/process.h"
#include "base/temporary_name.h"
#include "git/git2.h"
#include "worktree/index_stat.h"

namespace mgit {
namespace {

/// Null if libgit2 cannot read it.
IndexHandle try_open(const std::filesystem::path& path) {
  git_index* index = nullptr;
  git_index_open(&index, path.c_str());
  return IndexHandle(index);
}

IndexHandle open_any_index(const Repository& repository, const std::filesystem::path& path,
                           const struct stat& status) {
  if (IndexHandle index = try_open(path)) return index;
  const TemporaryName copy(name_beside(path));
  copy_index(path, status, copy.path());
  return open_converted(repository, copy.path());
}

}  // namespace

void IndexDeleter::operator()(git_index* index) const { git_index_free(index); }

std::filesystem::path index_path(const Repository& repository) {
  const char* named = std::getenv("GIT_INDEX_FILE");
  if (named != nullptr && *named != '\0') return std::filesystem::absolute(named);
  return repository.git_dir() / "index";
}

IndexHandle open_index(const std::filesystem::path& path) {
  return git2::make<IndexHandle>([&](git_index** out) { return git_index_open(out, path.c_str()); },
                                 path.string());
}

void copy_index(const std::filesystem::path& index, const struct stat& status,
                const std::filesystem::path& copy) {
  std::filesystem::copy_file(index, copy, std::filesystem::copy_options::overwrite_existing);
  const std::timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  ::utimensat(AT_FDCWD, copy.c_str(), times, 0);
}

IndexHandle open_converted(const Repository& repository, const std::filesystem::path& copy) {
  if (IndexHandle index = try_open(copy)) return index;
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.environment["GIT_INDEX_FILE"] = copy.string();
  run_checked({"git", "-c", "index.sparse=false", "-c", "core.splitIndex=false", "-c",
               "index.skipHash=false", "update-index", "--force-write-index"},
              options);
  return open_index(copy);
}

std::vector<IndexedFile> index_entries(const Repository& repository,
                                       const std::vector<std::string>& paths,
                                       StrangeIndex strange) {
  const std::filesystem::path path = index_path(repository);
  struct stat index_stat {};
  ::stat(path.c_str(), &index_stat);
  const IndexHandle index = strange == StrangeIndex::kConvert
                                ? open_any_index(repository, path, index_stat)
                                : open_index(path);
  std::vector<IndexedFile> result;
  for (const std::string& name : paths) {
    const git_index_entry* entry = git_index_get_bypath(index.get(), name.c_str(), 0);
    IndexedFile file;
    file.path = name;
    if (entry == nullptr) {
      const git_index_entry* sides[3] = {};
      file.conflict =
          git_index_conflict_get(&sides[0], &sides[1], &sides[2], index.get(), name.c_str()) == 0;
      if (!file.conflict) continue;
    } else {
      file.blob = git2::from_git(entry->id);
      file.held = (entry->flags & GIT_INDEX_ENTRY_VALID) != 0 ||
                  (entry->flags_extended &
                   (GIT_INDEX_ENTRY_SKIP_WORKTREE | GIT_INDEX_ENTRY_INTENT_TO_ADD)) != 0;
      file.unchanged = is_unchanged(*entry, repository.work_dir() / name, index_stat);
      file.racy = racy_to_git(*entry, index_stat);
    }
    result.push_back(std::move(file));
  }
  return result;
}

Oid blob_id(std::string_view content) {
  git_oid id;
  git2::check(git_odb_hash(&id, content.data(), content.size(), GIT_OBJECT_BLOB));
  return git2::from_git(id);
}

}  // namespace mgit
