// Memory that reads as zeros and takes up only the pages that are written.
//
// For looking at a large file of which only a few parts are at hand. Owned by one thread.
#pragma once

#include <span>

#include "mgit/base.h"

namespace mgit {

class ZeroPages {
 public:
  /// Throws Error if the address space does not hold `size` bytes.
  explicit ZeroPages(std::uint64_t size);
  ~ZeroPages();
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mgit
