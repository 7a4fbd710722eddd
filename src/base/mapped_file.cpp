#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "base/os.h"
#include "base/temporary_name.h"

namespace mgit {
namespace {

constexpr int kFatal = 128;

/// Bytes of a mapped file that are not there any more cannot be waited for or skipped.
void bytes_are_gone(int) {
  constexpr std::string_view kMessage =
      "fatal: a file became shorter, or could not be read, while it was in use\n"
      "hint: let whoever writes it finish, then try again\n";
  remove_temporary_names();
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(kFatal);
}

void watch_mappings() {
  static const bool watched = [] {
    struct sigaction action {};
    action.sa_handler = bytes_are_gone;
    return ::sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  static_cast<void>(watched);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const os::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0)
    throw MissingError(std::string("cannot open: ") + std::strerror(errno), path.string());
  if (::fstat(file.fd(), &status_) != 0 || !S_ISREG(status_.st_mode))
    throw Error("not a regular file", path.string());
  size_ = static_cast<std::size_t>(status_.st_size);
  if (size_ == 0) return;
  watch_mappings();
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    throw Error(std::string("cannot map: ") + std::strerror(errno), path.string());
  }
}

bool MappedFile::is_unchanged() const {
  struct stat now {};
  return ::stat(path_.c_str(), &now) == 0 && now.st_ino == status_.st_ino &&
         now.st_dev == status_.st_dev && now.st_size == status_.st_size &&
         now.st_mtim.tv_sec == status_.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == status_.st_mtim.tv_nsec;
}

void MappedFile::release(Bytes part) const {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + part.size()) / page * page;
  if (first < last)
    ::madvise(
        static_cast<std::byte*>(address_) + (first - reinterpret_cast<std::uintptr_t>(address_)),
        last - first, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace mgit
