// Loaded with LD_PRELOAD, makes calls that change the disk go wrong in mgit and in every library it
// uses. Programs of another name only pass it on: the git between two mgits stays sound.
//
//   FAIL_CALLS_COUNTER   a file of 8 zero bytes, shared by the tree of processes: calls so far
//   FAIL_CALLS_AT        the call (1 = the first) that goes wrong
//   FAIL_CALLS_MODE      once: that call alone; on: it and all after it, as on a full disk; short:
//                        from it on every other write is interrupted (EINTR), and the others write
//                        half: no failure, and to be survived
//   FAIL_CALLS_ERRNO     the number to fail with; ENOSPC unless given
//   FAIL_CALLS_LOG       a file that gets a line for each call that went wrong
//
// Counted are writes to regular files, fsync, truncation, creation, renaming and linking. Standard
// input, output and error are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Mode { kOnce, kOn, kShort };

struct Plan {
  std::atomic<std::uint64_t>* calls = nullptr;  // nullptr: nothing goes wrong here
  std::uint64_t at = 0;
  Mode mode = Mode::kOnce;
  int error = ENOSPC;
  int log = -1;
};

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool this_is_mgit() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return std::strcmp(std::strrchr(path, '/'), "/mgit") == 0;
}

/// Past our own open(), which would count it.
int open_plainly(const char* path, int flags) {
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC));
}

Plan make_plan() {
  Plan plan;
  if (!this_is_mgit()) return plan;
  const int file = open_plainly(setting("FAIL_CALLS_COUNTER"), O_RDWR);
  if (file < 0) return plan;
  void* memory = ::mmap(nullptr, sizeof(*plan.calls), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) return plan;
  plan.calls = static_cast<std::atomic<std::uint64_t>*>(memory);
  plan.at = std::strtoull(setting("FAIL_CALLS_AT"), nullptr, 10);
  const char* mode = setting("FAIL_CALLS_MODE");
  if (std::strcmp(mode, "on") == 0) plan.mode = Mode::kOn;
  if (std::strcmp(mode, "short") == 0) plan.mode = Mode::kShort;
  if (const int error = std::atoi(setting("FAIL_CALLS_ERRNO")); error != 0) plan.error = error;
  plan.log = open_plainly(setting("FAIL_CALLS_LOG"), O_WRONLY | O_APPEND);
  return plan;
}

const Plan& plan() {
  static const Plan made = make_plan();
  return made;
}

void note(std::uint64_t call, const char* name, const char* path) {
  if (plan().log < 0) return;
  char line[4300];
  const int length = std::snprintf(line, sizeof line, "%llu %s %s\n",
                                   static_cast<unsigned long long>(call), name, path);
  ::syscall(SYS_write, plan().log, line, length);
}

/// Counts a call; its number if it is to go wrong, else 0.
std::uint64_t count() {
  if (plan().calls == nullptr) return 0;
  const std::uint64_t call = ++*plan().calls;
  if (plan().at == 0) return 0;
  return call == plan().at || (plan().mode != Mode::kOnce && call > plan().at) ? call : 0;
}

/// True, with errno set, if a call that cannot be done by half is to fail.
bool fails(const char* name, const char* path) {
  const std::uint64_t call = count();
  if (call == 0 || plan().mode == Mode::kShort) return false;
  note(call, name, path);
  errno = plan().error;
  return true;
}

bool counts(int fd) {
  struct stat status {};
  return fd > STDERR_FILENO && plan().calls != nullptr && ::fstat(fd, &status) == 0 &&
         S_ISREG(status.st_mode);
}

bool fails(const char* name, int fd) {
  char link[64];
  char path[4096] = "";
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length > 0) path[length] = '\0';
  return fails(name, path);
}

/// What to do with a write of `size` bytes: -1 to fail, else how much of it.
ssize_t allowed(const char* name, int fd, std::size_t size) {
  const auto all = static_cast<ssize_t>(size);
  if (!counts(fd)) return all;
  if (plan().mode != Mode::kShort) return fails(name, fd) ? -1 : all;
  const std::uint64_t call = count();
  if (call == 0) return all;
  if (call % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags & O_DIRECT) != 0) return all;  // half would not be aligned
  return std::max<ssize_t>(all / 2, std::min<ssize_t>(all, 1));
}

template <typename Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool creates(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

bool is_new(int directory, const char* path, int flags) {
  struct stat status {};
  return creates(flags) && ((flags & O_TMPFILE) == O_TMPFILE ||
                            ::fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) != 0);
}

mode_t mode_in(int flags, va_list arguments) {
  return creates(flags) ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

// The real function of the same name.
#define NEXT(name) static const auto real = next(&::name, #name)

extern "C" {

ssize_t write(int fd, const void* data, std::size_t size) {
  NEXT(write);
  const ssize_t n = allowed("write", fd, size);
  return n < 0 ? -1 : real(fd, data, static_cast<std::size_t>(n));
}

ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  NEXT(pwrite);
  const ssize_t n = allowed("pwrite", fd, size);
  return n < 0 ? -1 : real(fd, data, static_cast<std::size_t>(n), offset);
}

ssize_t pwrite64(int fd, const void* data, std::size_t size, off64_t offset) {
  NEXT(pwrite64);
  const ssize_t n = allowed("pwrite", fd, size);
  return n < 0 ? -1 : real(fd, data, static_cast<std::size_t>(n), offset);
}

ssize_t writev(int fd, const iovec* pieces, int number) {
  NEXT(writev);
  if (!counts(fd) || number == 0) return real(fd, pieces, number);
  if (plan().mode != Mode::kShort) return fails("writev", fd) ? -1 : real(fd, pieces, number);
  const ssize_t n = allowed("writev", fd, pieces[0].iov_len);
  return n < 0 ? -1 : ::syscall(SYS_write, fd, pieces[0].iov_base, n);
}

ssize_t sendfile(int out, int in, off_t* offset, std::size_t size) noexcept {
  NEXT(sendfile);
  const ssize_t n = allowed("sendfile", out, size);
  return n < 0 ? -1 : real(out, in, offset, static_cast<std::size_t>(n));
}

int fsync(int fd) {
  NEXT(fsync);
  return fails("fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  return fails("fdatasync", fd) ? -1 : real(fd);
}

int ftruncate(int fd, off_t size) noexcept {
  NEXT(ftruncate);
  return fails("ftruncate", fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  NEXT(ftruncate64);
  return fails("ftruncate", fd) ? -1 : real(fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  NEXT(posix_fallocate);
  return fails("fallocate", fd) ? errno : real(fd, offset, size);
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  NEXT(posix_fallocate64);
  return fails("fallocate", fd) ? errno : real(fd, offset, size);
}

int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  return fails("rename", to) ? -1 : real(from, to);
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  NEXT(renameat);
  return fails("rename", to) ? -1 : real(from_directory, from, to_directory, to);
}

int link(const char* from, const char* to) noexcept {
  NEXT(link);
  return fails("link", to) ? -1 : real(from, to);
}

int linkat(int from_directory, const char* from, int to_directory, const char* to,
           int flags) noexcept {
  NEXT(linkat);
  return fails("link", to) ? -1 : real(from_directory, from, to_directory, to, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  NEXT(mkdir);
  return fails("mkdir", path) ? -1 : real(path, mode);
}

int open(const char* path, int flags, ...) {
  NEXT(open);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return is_new(AT_FDCWD, path, flags) && fails("create", path) ? -1 : real(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  NEXT(open64);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return is_new(AT_FDCWD, path, flags) && fails("create", path) ? -1 : real(path, flags, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  NEXT(openat);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return is_new(directory, path, flags) && fails("create", path)
             ? -1
             : real(directory, path, flags, mode);
}

}  // extern "C"
