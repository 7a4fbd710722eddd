// A file mapped for reading.
#pragma once

#include <filesystem>

#include "mgit/base.h"

namespace mgit {

/// Owns the mapping; the file must not shrink while it is held.
class MappedFile {
 public:
  /// Throws MissingError or Error.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  Bytes bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mgit
