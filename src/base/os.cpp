#include "base/os.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/shared_permissions.h"
#include "base/temporary_name.h"

namespace mgit::os {
namespace {

std::atomic<int> calls{0};
std::atomic<int> failing_call{0};

int from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::atoi(value) : 0;
}

/// True if this call is to fail.
bool fault() {
  static const int kill_at = from_environment("MGIT_KILL_AT");
  static const int fail_at_start = from_environment("MGIT_FAIL_AT");
  const int call = ++calls;
  if (call == kill_at) ::kill(::getpid(), SIGKILL);
  if (call == failing_call || call == fail_at_start) {
    errno = ENOSPC;
    return true;
  }
  return false;
}

[[noreturn]] void fail(const char* action, const std::filesystem::path& path) {
  const int error = errno;
  throw Error(std::string("cannot ") + action + ": " + std::strerror(error), path.string(),
              error == ENOSPC || error == EDQUOT ? "free some disk space and try again" : "");
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

void File::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

File create(const std::filesystem::path& path) {
  if (fault()) fail("create", path);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) fail("create", path);
  adjust_permissions(path);
  return File(fd);
}

void write_all(const File& file, Bytes data, const std::filesystem::path& path) {
  if (fault()) fail("write", path);
  while (!data.empty()) {
    const ssize_t written = ::write(file.fd(), data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write", path);
    }
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void write_at(const File& file, Bytes data, std::uint64_t offset,
              const std::filesystem::path& path) {
  if (fault()) fail("write", path);
  while (!data.empty()) {
    const ssize_t written =
        ::pwrite(file.fd(), data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write", path);
    }
    offset += static_cast<std::uint64_t>(written);
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void sync(const File& file, const std::filesystem::path& path) {
  if (fault() || ::fsync(file.fd()) != 0) fail("fsync", path);
}

void sync_directory(const std::filesystem::path& path) {
  const File directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd() < 0) fail("open", path);
  sync(directory, path);
}

void rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (fault() || ::rename(from.c_str(), to.c_str()) != 0) fail("rename to", to);
}

void remove(const std::filesystem::path& path) {
  if (fault() || (::unlink(path.c_str()) != 0 && errno != ENOENT)) fail("remove", path);
}

void create_directories(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return;
  if (fault()) fail("create", path);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    errno = error.value();
    fail("create", path);
  }
  adjust_permissions(path);
}

void write_file(const std::filesystem::path& path, Bytes data) {
  TemporaryName temporary(name_beside(path));
  const File file = create(temporary.path());
  write_all(file, data, temporary.path());
  sync(file, temporary.path());
  os::rename(temporary.path(), path);
  temporary.keep();
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw MissingError(std::string("cannot open: ") + std::strerror(errno), path.string());
  std::string content;
  std::array<char, 1 << 16> piece;
  do {
    file.read(piece.data(), piece.size());
    content.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  } while (file);
  if (file.bad()) throw Error("cannot read", path.string());
  return content;
}

void fail_at(int n) { failing_call = n > 0 ? calls + n : 0; }
int calls_made() { return calls; }

}  // namespace mgit::os
