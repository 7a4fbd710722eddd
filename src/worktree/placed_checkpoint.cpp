#include "worktree/placed_checkpoint.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/mapped_file.h"
#include "base/os.h"
#include "base/temporary_name.h"
#include "base/threads.h"
#include "store/checked_layout.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// git reads a file again if it is not older, in whole seconds, than the index.
constexpr std::uint64_t kCostlyToRead = std::uint64_t{8} << 20;

/// A new file that becomes `file` at the end; until then it has no name where that is possible.
class Replacement {
 public:
  explicit Replacement(const fs::path& file) : target_(file), temporary_(name_beside(file)) {
    const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (::access("/proc/self/fd", X_OK) == 0)
      file_ = os::File(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
    if (file_.fd() >= 0) return;
    file_ = os::create(temporary_.path());
    named_ = true;
  }

  const os::File& file() const { return file_; }

  void move_into_place() {
    if (!named_) return give_name();
    os::rename(temporary_.path(), target_);
    temporary_.keep();
  }

 private:
  /// Straight to its own: killed in between, the target is missing, which git and the next checkout
  /// mend; under another name on the way it would stay in the working tree.
  void give_name() {
    const std::string self = "/proc/self/fd/" + std::to_string(file_.fd());
    ::unlink(target_.c_str());
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target_.c_str(), AT_SYMLINK_FOLLOW) != 0)
      throw Error(std::string("cannot create: ") + std::strerror(errno), target_.string());
  }

  fs::path target_;
  TemporaryName temporary_;
  os::File file_;
  bool named_ = false;
};

/// Makes `to` a file of the same blocks. False on a file system without reflinks.
bool share_blocks(const fs::path& from, const os::File& to) {
  const os::File source(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  return source.fd() >= 0 && ::ioctl(to.fd(), FICLONE, source.fd()) == 0;
}

/// Whether these are, bit for bit, the bytes that the manifest stands for.
bool is_checkpoint(const Store& store, const Manifest& manifest, Bytes file) {
  const Layout layout = checked_layout(store, manifest);
  if (file.size() != manifest.size) return false;
  std::vector<Bytes> parts;
  Bytes gaps = layout.gaps;
  for (const Segment& segment : layout.segments) {
    parts.push_back(file.first(segment.length));
    file = file.subspan(segment.length);
    if (segment.kind == Segment::Kind::kTensor) continue;
    if (!std::ranges::equal(parts.back(), gaps.first(segment.length))) return false;
    gaps = gaps.subspan(segment.length);
  }
  std::atomic<bool> same = true;
  parallel_for(parts.size(), [&](std::size_t i) {
    const Segment& segment = layout.segments[i];
    if (segment.kind == Segment::Kind::kTensor && same &&
        sha256(parts[i]) != manifest.object_at(segment.tensor))
      same = false;
  });
  return same;
}

bool shared_with(const fs::path& twin, const Store& store, const Manifest& manifest,
                 const os::File& file) {
  const fs::path name = "/proc/self/fd/" + std::to_string(file.fd());
  return !twin.empty() && fs::exists(name) && share_blocks(twin, file) &&
         is_checkpoint(store, manifest, MappedFile(name).bytes());
}

void set_back(const os::File& file) {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::timespec times[2] = {{0, UTIME_OMIT}, {now.tv_sec - 1, now.tv_nsec}};
  ::futimens(file.fd(), times);
}

}  // namespace

struct stat place_checkpoint(const Store& store, const Manifest& manifest, const fs::path& file,
                             const std::function<void(std::uint64_t)>& progress,
                             const fs::path& twin) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno), file.string());
  Replacement replacement(file);
  if (!shared_with(twin, store, manifest, replacement.file()))
    write_checkpoint_file(store, manifest, replacement.file(), file, progress);
  else if (progress)
    progress(manifest.size);
  ::fchmod(replacement.file().fd(), status.st_mode & 07777);
  if (manifest.size >= kCostlyToRead) set_back(replacement.file());
  replacement.move_into_place();
  if (::lstat(file.c_str(), &status) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno), file.string());
  return status;
}

}  // namespace mgit
