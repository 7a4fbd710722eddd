#include "worktree/index_copy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>

#include "git/git2.h"

namespace mgit {
namespace {

std::uint32_t mode_of(const StagedFile& file, const git_index_entry* old, bool trust_mode) {
  constexpr std::uint32_t kPlain = 0100644;
  constexpr std::uint32_t kExecutable = 0100755;
  if (!trust_mode) return old != nullptr && old->mode == kExecutable ? kExecutable : kPlain;
  return (file.stat.st_mode & S_IXUSR) != 0 ? kExecutable : kPlain;
}

/// Once an index is written anew it is younger than its entries, and git takes those that were racy
/// for clean. Without a size git looks at the content. True if there are such entries.
bool keep_doubts(git_index* index, const std::filesystem::path& work_dir,
                 const struct stat& old_index) {
  bool any = false;
  for (std::size_t i = 0; i < git_index_entrycount(index); ++i) {
    const git_index_entry* entry = git_index_get_byindex(index, i);
    if (GIT_INDEX_ENTRY_STAGE(entry) != 0 || entry->mode == GIT_FILEMODE_COMMIT ||
        entry->file_size == 0 || !racy_to_git(*entry, old_index) ||
        is_unchanged(*entry, work_dir / entry->path, old_index))
      continue;
    const std::string path = entry->path;  // the old entry goes
    git_index_entry doubtful = *entry;
    doubtful.path = path.c_str();
    doubtful.file_size = 0;
    git2::check(git_index_add(index, &doubtful), path);
    any = true;
  }
  return any;
}

/// To be changed and written: files may have changed since it was written last.
IndexHandle open_to_write(const std::filesystem::path& path,
                          const std::filesystem::path& work_dir) {
  IndexHandle index = open_index(path);
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) keep_doubts(index.get(), work_dir, status);
  return index;
}

void write(git_index* index) { git2::check(git_index_write(index), git_index_path(index)); }

}  // namespace

IndexCopy::IndexCopy(const Repository& repository, StrangeIndex strange)
    : work_dir_(repository.work_dir()), index_(index_path(repository)), lock_(index_) {
  struct stat old_index {};
  if (::stat(index_.c_str(), &old_index) == 0) copy_index(index_, old_index, path());
  const IndexHandle index =
      strange == StrangeIndex::kConvert ? open_converted(repository, path()) : open_index(path());
  if (keep_doubts(index.get(), work_dir_, old_index)) write(index.get());
}

std::vector<StagedFile> IndexCopy::find(const std::vector<std::string>& paths) const {
  if (paths.empty()) return {};
  const IndexHandle index = open_index(path());
  std::vector<StagedFile> files;
  for (const std::string& name : paths) {
    const git_index_entry* entry = git_index_get_bypath(index.get(), name.c_str(), 0);
    if (entry == nullptr || !S_ISREG(entry->mode)) continue;
    StagedFile file;
    file.path = name;
    file.blob = git2::from_git(entry->id);
    file.stat.st_mode = entry->mode;
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<StagedFile> IndexCopy::unchanged(const std::set<Oid>& blobs) const {
  if (blobs.empty()) return {};
  const IndexHandle index = open_index(path());
  struct stat index_stat {};
  ::stat(path().c_str(), &index_stat);
  std::vector<StagedFile> files;
  for (std::size_t i = 0; i < git_index_entrycount(index.get()); ++i) {
    const git_index_entry& entry = *git_index_get_byindex(index.get(), i);
    if (GIT_INDEX_ENTRY_STAGE(&entry) != 0 || !blobs.contains(git2::from_git(entry.id)) ||
        !is_unchanged(entry, work_dir_ / entry.path, index_stat))
      continue;
    StagedFile file;
    file.path = entry.path;
    file.blob = git2::from_git(entry.id);
    files.push_back(std::move(file));
  }
  return files;
}

void IndexCopy::put(const std::vector<StagedFile>& files, bool trust_mode) {
  const IndexHandle index = open_to_write(path(), work_dir_);
  for (const StagedFile& file : files) {
    const git_index_entry* old = git_index_get_bypath(index.get(), file.path.c_str(), 0);
    git_index_entry entry = entry_of(file);
    entry.mode = mode_of(file, old, trust_mode);
    git_index_conflict_remove(index.get(), file.path.c_str());
    git2::check(git_index_add(index.get(), &entry), file.path);
  }
  write(index.get());
}

void IndexCopy::refresh(const std::vector<StagedFile>& files) {
  const IndexHandle index = open_to_write(path(), work_dir_);
  for (const StagedFile& file : files) {
    const git_index_entry* old = git_index_get_bypath(index.get(), file.path.c_str(), 0);
    if (old == nullptr || git2::from_git(old->id) != file.blob) continue;
    git_index_entry entry = entry_of(file);
    entry.mode = old->mode;
    entry.flags = old->flags;
    entry.flags_extended = old->flags_extended;
    git2::check(git_index_add(index.get(), &entry), file.path);
  }
  write(index.get());
}

void IndexCopy::trust_stat_data() {
  std::timespec times[2] = {{0, UTIME_OMIT}, {}};
  ::clock_gettime(CLOCK_REALTIME, &times[1]);
  times[1].tv_sec += 2;  // git compares whole seconds
  ::utimensat(AT_FDCWD, path().c_str(), times, 0);
}

void IndexCopy::install() {
  if (std::filesystem::exists(path())) os::rename(path(), index_);
}

bool trusts_modes(const Repository& repository) {
  return repository.config("core.filemode").value_or("true") != "false";
}

void stage(const Repository& repository, const std::vector<StagedFile>& files) {
  if (files.empty()) return;
  IndexCopy copy(repository, StrangeIndex::kConvert);
  copy.put(files, trusts_modes(repository));
  copy.install();
}

}  // namespace mgit
