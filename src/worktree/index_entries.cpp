#include "worktree/index_entries.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/os.h"
#include "base/process.h"
#include "git/git2.h"

namespace mgit {
namespace {

using IndexHandle = git2::Handle<git_index, git_index_free>;

std::filesystem::path index_path(const Repository& repository) {
  const char* named = std::getenv("GIT_INDEX_FILE");
  if (named != nullptr && *named != '\0') return std::filesystem::absolute(named);
  return repository.git_dir() / "index";
}

/// Opened without its repository: libgit2 would compare "racily clean" entries with the working
/// tree, without our filter, and mark every checkpoint as changed.
IndexHandle open_index(const std::filesystem::path& path) {
  return git2::make<IndexHandle>([&](git_index** out) { return git_index_open(out, path.c_str()); },
                                 path.string());
}

/// With its age, by which git tells what is racy.
void copy_index(const std::filesystem::path& index, const struct stat& status,
                const std::filesystem::path& copy) {
  std::filesystem::copy_file(index, copy, std::filesystem::copy_options::overwrite_existing);
  const std::timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  ::utimensat(AT_FDCWD, copy.c_str(), times, 0);
}

/// Null if libgit2 cannot read it.
IndexHandle try_open(const std::filesystem::path& path) {
  git_index* index = nullptr;
  git_index_open(&index, path.c_str());
  return IndexHandle(index);
}

/// A copy of the index. git reads every kind and writes an ordinary one; of a damaged one it says
/// so.
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

constexpr std::string_view kLockOwner = "mgit ";

std::filesystem::path copy_name(const std::filesystem::path& index, pid_t pid) {
  return index.string() + ".mgit-" + std::to_string(pid);
}

/// Removes a lock, and the copy under it, that a process of ours left that is gone.
bool remove_abandoned(const std::filesystem::path& index, const std::filesystem::path& lock) {
  std::ifstream file(lock);
  std::string text;
  std::getline(file, text);
  if (!text.starts_with(kLockOwner)) return false;
  const pid_t pid = static_cast<pid_t>(std::atoi(text.c_str() + kLockOwner.size()));
  if (pid <= 0 || ::kill(pid, 0) == 0 || errno != ESRCH) return false;
  ::unlink(copy_name(index, pid).c_str());
  return ::unlink(lock.c_str()) == 0;
}

IndexHandle open_any_index(const Repository& repository, const std::filesystem::path& path,
                           const struct stat& status) {
  if (IndexHandle index = try_open(path)) return index;
  const std::filesystem::path copy = copy_name(path, ::getpid());
  const auto remove = [&copy](const void*) { ::unlink(copy.c_str()); };
  const std::unique_ptr<const void, decltype(remove)> removed(&copy, remove);
  copy_index(path, status, copy);
  return open_converted(repository, copy);
}

os::File open_new(const std::filesystem::path& path) {
  return os::File(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
}

/// Makes one name of a file into another that is new; false if that is there.
bool give_name(const std::filesystem::path& file, const std::filesystem::path& name) {
  if (::link(file.c_str(), name.c_str()) == 0) return true;
  const bool no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS;
  if (no_links && open_new(name).fd() >= 0) {
    os::rename(file, name);
    return true;
  }
  if (errno == EEXIST) return false;
  throw Error(std::string("cannot lock the index: ") + std::strerror(errno), name.string());
}

/// False if somebody has it. The lock names its owner from its first moment, so a killed
/// process's lock can always be reclaimed.
bool create_lock(const std::filesystem::path& lock, const std::filesystem::path& temporary) {
  const os::File file = open_new(temporary);
  if (file.fd() < 0)
    throw Error(std::string("cannot lock the index: ") + std::strerror(errno), lock.string());
  try {
    os::write_all(file, as_bytes(std::string(kLockOwner) + std::to_string(::getpid()) + "\n"),
                  temporary);
    const bool locked = give_name(temporary, lock);
    ::unlink(temporary.c_str());
    return locked;
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::uint32_t mode_of(const StagedFile& file, const git_index_entry* old, bool trust_mode) {
  constexpr std::uint32_t kPlain = 0100644;
  constexpr std::uint32_t kExecutable = 0100755;
  if (!trust_mode) return old != nullptr && old->mode == kExecutable ? kExecutable : kPlain;
  return (file.stat.st_mode & S_IXUSR) != 0 ? kExecutable : kPlain;
}

git_index_entry entry_of(const StagedFile& file) {
  git_index_entry entry{};
  entry.ctime = {static_cast<std::int32_t>(file.stat.st_ctim.tv_sec),
                 static_cast<std::uint32_t>(file.stat.st_ctim.tv_nsec)};
  entry.mtime = {static_cast<std::int32_t>(file.stat.st_mtim.tv_sec),
                 static_cast<std::uint32_t>(file.stat.st_mtim.tv_nsec)};
  entry.dev = static_cast<std::uint32_t>(file.stat.st_dev);
  entry.ino = static_cast<std::uint32_t>(file.stat.st_ino);
  entry.uid = file.stat.st_uid;
  entry.gid = file.stat.st_gid;
  entry.file_size = static_cast<std::uint32_t>(file.stat.st_size);
  entry.id = git2::to_git(file.blob);
  entry.path = file.path.c_str();
  return entry;
}

bool same_stat(const git_index_entry& entry, const git_index_entry& now) {
  return entry.mtime.seconds == now.mtime.seconds &&
         entry.mtime.nanoseconds == now.mtime.nanoseconds &&
         entry.ctime.seconds == now.ctime.seconds && entry.ino == now.ino &&
         entry.file_size == now.file_size;
}

/// What git calls racy: the file may have changed after it was staged, within the same second.
bool racy_to_git(const git_index_entry& entry, const struct stat& index) {
  return index.st_mtim.tv_sec <= entry.mtime.seconds;
}

/// The same to who looks at the fractions, too. File systems count them in steps, some not at all.
bool racy(const git_index_entry& entry, const struct stat& index) {
  constexpr std::int64_t kStep = 50'000'000;  // ns; a clock tick is 10 ms at most
  if (!racy_to_git(entry, index)) return false;
  if (entry.mtime.nanoseconds == 0 || index.st_mtim.tv_sec < entry.mtime.seconds) return true;
  return index.st_mtim.tv_nsec <= entry.mtime.nanoseconds + kStep;
}

bool is_unchanged(const git_index_entry& entry, const std::filesystem::path& file,
                  const struct stat& index) {
  StagedFile now;
  now.path = entry.path;
  return ::lstat(file.c_str(), &now.stat) == 0 && same_stat(entry, entry_of(now)) &&
         !racy(entry, index);
}

/// Once an index is written anew it is younger than its entries, and git takes those that were racy
/// for clean. Without a size git looks at the content.
void keep_doubts(git_index* index, const std::filesystem::path& work_dir,
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
  if (any) git2::check(git_index_write(index), git_index_path(index));
}

}  // namespace

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

IndexCopy::IndexCopy(const Repository& repository, StrangeIndex strange)
    : work_dir_(repository.work_dir()),
      index_(index_path(repository)),
      lock_(index_.string() + ".lock"),
      copy_(copy_name(index_, ::getpid())) {
  if (!create_lock(lock_, copy_) && !(remove_abandoned(index_, lock_) && create_lock(lock_, copy_)))
    throw Error("cannot lock the index", lock_.string(),
                "another git process seems to be running in this repository");
  try {
    struct stat old_index {};
    if (::stat(index_.c_str(), &old_index) == 0) copy_index(index_, old_index, copy_);
    const IndexHandle index =
        strange == StrangeIndex::kConvert ? open_converted(repository, copy_) : open_index(copy_);
    keep_doubts(index.get(), work_dir_, old_index);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(copy_, ignored);
    ::unlink(lock_.c_str());
    throw;
  }
}

IndexCopy::~IndexCopy() {
  if (installed_) return;
  ::unlink(copy_.c_str());
  ::unlink(lock_.c_str());
}

std::optional<StagedFile> IndexCopy::find(const std::string& path) const {
  const IndexHandle index = open_index(copy_);
  const git_index_entry* entry = git_index_get_bypath(index.get(), path.c_str(), 0);
  if (entry == nullptr || !S_ISREG(entry->mode)) return std::nullopt;
  StagedFile file;
  file.path = path;
  file.blob = git2::from_git(entry->id);
  file.stat.st_mode = entry->mode;
  return file;
}

std::vector<StagedFile> IndexCopy::unchanged(const std::set<Oid>& blobs) const {
  if (blobs.empty()) return {};
  const IndexHandle index = open_index(copy_);
  struct stat index_stat {};
  ::stat(copy_.c_str(), &index_stat);
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
  const IndexHandle index = open_index(copy_);
  for (const StagedFile& file : files) {
    const git_index_entry* old = git_index_get_bypath(index.get(), file.path.c_str(), 0);
    git_index_entry entry = entry_of(file);
    entry.mode = mode_of(file, old, trust_mode);
    git_index_conflict_remove(index.get(), file.path.c_str());
    git2::check(git_index_add(index.get(), &entry), file.path);
  }
  git2::check(git_index_write(index.get()), copy_.string());
}

void IndexCopy::refresh(const std::vector<StagedFile>& files) {
  const IndexHandle index = open_index(copy_);
  for (const StagedFile& file : files) {
    const git_index_entry* old = git_index_get_bypath(index.get(), file.path.c_str(), 0);
    if (old == nullptr || git2::from_git(old->id) != file.blob) continue;
    git_index_entry entry = entry_of(file);
    entry.mode = old->mode;
    entry.flags = old->flags;
    entry.flags_extended = old->flags_extended;
    git2::check(git_index_add(index.get(), &entry), file.path);
  }
  git2::check(git_index_write(index.get()), copy_.string());
}

void IndexCopy::install() {
  if (std::filesystem::exists(copy_)) os::rename(copy_, index_);
  ::unlink(lock_.c_str());
  installed_ = true;
}

Oid blob_id(std::string_view content) {
  git_oid id;
  git2::check(git_odb_hash(&id, content.data(), content.size(), GIT_OBJECT_BLOB));
  return git2::from_git(id);
}

void stage(const Repository& repository, const std::vector<StagedFile>& files) {
  if (files.empty()) return;
  IndexCopy copy(repository, StrangeIndex::kConvert);
  copy.put(files, repository.config("core.filemode").value_or("true") != "false");
  copy.install();
}

}  // namespace mgit
