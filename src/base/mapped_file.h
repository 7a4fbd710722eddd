// A file mapped for reading.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include "mgit/base.h"

namespace mgit {

/// Owns the mapping. A file that shrinks while it is held, or whose disk fails, ends the process
/// with one line when the missing bytes are read, as an Error would.
class MappedFile {
 public:
  /// Throws MissingError or Error.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  Bytes bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  /// Gives the memory that holds a part of bytes() back; it is read from the file again when it is
  /// wanted again.
  void release(Bytes part) const;

  /// What the file was when it was mapped.
  const struct stat& status() const { return status_; }
  /// Whether the name stands for the same file still, and nobody wrote to it.
  bool is_unchanged() const;

 private:
  std::filesystem::path path_;
  struct stat status_ {};
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mgit
