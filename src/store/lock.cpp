#include "store/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/shared_permissions.h"

namespace mgit {
namespace {

constexpr auto kPause = std::chrono::milliseconds(20);

constexpr const char* kWriters = "lock";
constexpr const char* kCollector = "gc.lock";

os::File open_lock(const std::filesystem::path& store, const char* name) {
  os::create_directories(store);
  const std::filesystem::path path = store / name;
  os::File file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (file.fd() < 0)
    throw Error(std::string("cannot open: ") + std::strerror(errno), path.string());
  adjust_permissions(path);
  return file;
}

}  // namespace

std::unique_ptr<StoreLock> StoreLock::shared(const std::filesystem::path& store) {
  os::File file = open_lock(store, kWriters);
  while (::flock(file.fd(), LOCK_SH) != 0 && errno == EINTR) {
  }
  return std::unique_ptr<StoreLock>(new StoreLock(std::move(file)));
}

std::unique_ptr<StoreLock> StoreLock::exclusive(const std::filesystem::path& store,
                                                std::chrono::milliseconds patience) {
  os::File file = open_lock(store, kWriters);
  const auto end = std::chrono::steady_clock::now() + patience;
  // Asking again and again lets other writers begin meanwhile: a writer may have started another
  // one and wait for it.
  while (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      throw Error(std::string("cannot lock the store: ") + std::strerror(errno),
                  (store / "lock").string(), "gc needs a file system with flock");
    if (std::chrono::steady_clock::now() >= end) return nullptr;
    std::this_thread::sleep_for(kPause);
  }
  return std::unique_ptr<StoreLock>(new StoreLock(std::move(file)));
}

std::unique_ptr<StoreLock> StoreLock::collector(const std::filesystem::path& store) {
  os::File file = open_lock(store, kCollector);
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) return nullptr;
  return std::unique_ptr<StoreLock>(new StoreLock(std::move(file)));
}

}  // namespace mgit
