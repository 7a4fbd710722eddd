#include "worktree/index_stat.h"

#include "git/git2.h"

namespace mgit {
namespace {

bool same_stat(const git_index_entry& entry, const git_index_entry& now) {
  return entry.mtime.seconds == now.mtime.seconds &&
         entry.mtime.nanoseconds == now.mtime.nanoseconds &&
         entry.ctime.seconds == now.ctime.seconds && entry.ino == now.ino &&
         entry.file_size == now.file_size;
}

/// Racy also for who looks at the fractions. File systems count them in steps, some not at all.
bool racy(const git_index_entry& entry, const struct stat& index) {
  constexpr std::int64_t kStep = 50'000'000;  // ns; a clock tick is 10 ms at most
  if (!racy_to_git(entry, index)) return false;
  if (entry.mtime.nanoseconds == 0 || index.st_mtim.tv_sec < entry.mtime.seconds) return true;
  return index.st_mtim.tv_nsec <= entry.mtime.nanoseconds + kStep;
}

}  // namespace

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

bool racy_to_git(const git_index_entry& entry, const struct stat& index) {
  return index.st_mtim.tv_sec <= entry.mtime.seconds;
}

bool is_unchanged(const git_index_entry& entry, const std::filesystem::path& file,
                  const struct stat& index) {
  StagedFile now;
  now.path = entry.path;
  return ::lstat(file.c_str(), &now.stat) == 0 && same_stat(entry, entry_of(now)) &&
         !racy(entry, index);
}

}  // namespace mgit
