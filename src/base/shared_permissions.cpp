#include "base/shared_permissions.h"

#include <sys/stat.h>

#include <mutex>
#include <optional>

namespace mgit {
namespace {

struct Shared {
  std::filesystem::path directory;
  mode_t bits = 0;
  bool exact = false;
};

std::mutex mutex;
std::optional<Shared> shared;

bool is_inside(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const std::filesystem::path relative =
      std::filesystem::absolute(path).lexically_normal().lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

/// As git's calc_shared_perm has it.
mode_t adjusted(mode_t mode, const Shared& wanted) {
  mode_t bits = wanted.bits;
  if ((mode & S_IWUSR) == 0) bits &= ~mode_t{0222};
  if ((mode & S_IXUSR) != 0) bits |= (bits & 0444) >> 2;
  mode_t result = wanted.exact ? (mode & ~mode_t{0777}) | bits : mode | bits;
  if (S_ISDIR(mode)) result |= (wanted.bits & 0444) >> 2 | S_ISGID;
  return result & 07777;
}

}  // namespace

void share_directory(const std::filesystem::path& directory, unsigned bits, bool exact) {
  const std::lock_guard lock(mutex);
  shared = {std::filesystem::absolute(directory).lexically_normal(), bits, exact};
}

void adjust_permissions(const std::filesystem::path& path) noexcept {
  try {
    const std::lock_guard lock(mutex);
    struct stat status {};
    if (!shared || !is_inside(path, shared->directory) || ::lstat(path.c_str(), &status) != 0 ||
        S_ISLNK(status.st_mode))
      return;
    const mode_t mode = adjusted(status.st_mode, *shared);
    if (mode != (status.st_mode & 07777)) ::chmod(path.c_str(), mode);
  } catch (...) {  // no memory for a path: the file stays as the umask made it
  }
}

}  // namespace mgit
