#include "worktree/index_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace mgit {
namespace {

/// What our locks begin with; the name of the copy follows. git's are empty, or hold the next
/// index.
constexpr std::string_view kMark = "mgit index lock\n";

os::File open_new(const std::filesystem::path& path) {
  return os::File(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
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

/// The name of the copy; nullopt if the lock is none of ours.
std::optional<std::string> copy_named_by(const os::File& lock) {
  std::array<char, 256> text{};
  const ssize_t size = ::pread(lock.fd(), text.data(), text.size(), 0);
  std::string_view content(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (!content.starts_with(kMark)) return std::nullopt;
  content.remove_prefix(kMark.size());
  return std::string(content);
}

bool stands_for(const std::filesystem::path& path, const os::File& file) {
  struct stat named {};
  struct stat opened {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(file.fd(), &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/// Removes a lock whose owner is gone, and its copy of the index. Two of us may try at once: who
/// has the dead lock's flock is the only one to remove it, and the name may stand for another file
/// by then.
bool remove_abandoned(const std::filesystem::path& lock) {
  const os::File file(::open(lock.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return errno == ENOENT;
  const auto copy = copy_named_by(file);
  if (!copy || ::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) return false;
  if (!stands_for(lock, file)) return true;
  if (is_temporary_name(*copy)) {
    ::unlink((lock.parent_path() / *copy).c_str());
    ::unlink((lock.parent_path() / (*copy + ".lock")).c_str());
  }
  return ::unlink(lock.c_str()) == 0;
}

}  // namespace

IndexLock::IndexLock(const std::filesystem::path& index)
    : copy_(name_beside(index)), lock_of_copy_(copy_.path().string() + ".lock") {
  constexpr int kAttempts = 3;
  const std::filesystem::path lock = index.string() + ".lock";
  // Marked and locked before it has the name: whoever is killed leaves a lock that says so.
  const TemporaryName temporary(name_beside(index));
  file_ = open_new(temporary.path());
  if (file_.fd() < 0)
    throw Error(std::string("cannot lock the index: ") + std::strerror(errno), lock.string());
  const std::string content = std::string(kMark) + copy().filename().string();
  os::write_all(file_, as_bytes(content), temporary.path());
  ::flock(file_.fd(), LOCK_EX | LOCK_NB);
  name_.emplace(lock, file_);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (give_name(temporary.path(), lock)) return;
    if (!remove_abandoned(lock)) break;
  }
  throw Error("cannot lock the index", lock.string(),
              "another git process seems to be running in this repository; if there is none, "
              "remove this file");
}

}  // namespace mgit
