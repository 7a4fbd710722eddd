// A file without a name: gone when it is closed, whatever happens to the process.
#pragma once

#include <filesystem>
#include <memory>

#include "base/mapped_file.h"
#include "base/os.h"

namespace mgit {

class UnnamedFile {
 public:
  /// On the file system of `directory`, which is made if it is not there.
  explicit UnnamedFile(const std::filesystem::path& directory);
  int fd() const { return file_.fd(); }
  void append(Bytes data);
  /// To its beginning, for a reader that is given the descriptor.
  void rewind() const;
  std::unique_ptr<MappedFile> map() const;

 private:
  os::File file_;
};

}  // namespace mgit
