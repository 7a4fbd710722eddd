#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/os.h"

namespace mgit {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const os::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0)
    throw MissingError(std::string("cannot open: ") + std::strerror(errno), path.string());
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode))
    throw Error("not a regular file", path.string());
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    throw Error(std::string("cannot map: ") + std::strerror(errno), path.string());
  }
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace mgit
