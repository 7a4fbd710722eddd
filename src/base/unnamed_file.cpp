#include "base/unnamed_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mgit {
namespace {

/// For file systems without O_TMPFILE.
os::File unlinked_file(const std::filesystem::path& directory) {
  std::string name = (directory / "unnamed-XXXXXX").string();
  os::File file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.fd() < 0)
    throw Error(std::string("cannot create a file: ") + std::strerror(errno), name);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

UnnamedFile::UnnamedFile(const std::filesystem::path& directory) {
  os::create_directories(directory);
  file_ = os::File(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file_.fd() < 0) file_ = unlinked_file(directory);
}

void UnnamedFile::append(Bytes data) { os::write_all(file_, data, "a temporary file"); }

void UnnamedFile::rewind() const {
  if (::lseek(fd(), 0, SEEK_SET) != 0) throw Error("cannot rewind a temporary file");
}

std::unique_ptr<MappedFile> UnnamedFile::map() const {
  return std::make_unique<MappedFile>("/proc/self/fd/" + std::to_string(fd()));
}

}  // namespace mgit
