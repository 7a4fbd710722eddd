#include "repo/placed_checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "base/os.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// git reads a file again if it is not older, in whole seconds, than the index.
constexpr std::uint64_t kCostlyToRead = std::uint64_t{8} << 20;

/// A new file that becomes `file` at the end; until then it has no name where that is possible.
class Replacement {
 public:
  explicit Replacement(const fs::path& file)
      : target_(file), temporary_(file.string() + ".mgit-" + std::to_string(::getpid())) {
    const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (::access("/proc/self/fd", X_OK) == 0)
      file_ = os::File(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
    if (file_.fd() >= 0) return;
    ::unlink(temporary_.c_str());
    file_ = os::create(temporary_);
    named_ = true;
  }
  ~Replacement() {
    if (named_) ::unlink(temporary_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  const os::File& file() const { return file_; }

  void move_into_place() {
    if (!named_) {
      ::unlink(temporary_.c_str());
      const std::string self = "/proc/self/fd/" + std::to_string(file_.fd());
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) != 0)
        throw Error(std::string("cannot create: ") + std::strerror(errno), temporary_.string());
      named_ = true;
    }
    os::rename(temporary_, target_);
    named_ = false;
  }

 private:
  fs::path target_;
  fs::path temporary_;
  os::File file_;
  bool named_ = false;
};

void set_back(const os::File& file) {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::timespec times[2] = {{0, UTIME_OMIT}, {now.tv_sec - 1, now.tv_nsec}};
  ::futimens(file.fd(), times);
}

}  // namespace

struct stat place_checkpoint(const Store& store, const Manifest& manifest, const fs::path& file,
                             const std::function<void(std::uint64_t)>& progress) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno), file.string());
  Replacement replacement(file);
  write_checkpoint_file(store, manifest, replacement.file(), file, progress);
  ::fchmod(replacement.file().fd(), status.st_mode & 07777);
  if (manifest.size >= kCostlyToRead) set_back(replacement.file());
  replacement.move_into_place();
  if (::lstat(file.c_str(), &status) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno), file.string());
  return status;
}

}  // namespace mgit
