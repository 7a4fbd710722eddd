#include "base/zero_pages.h"

#include <sys/mman.h>

namespace mgit {

ZeroPages::ZeroPages(std::uint64_t size) : size_(size) {
  if (size == 0) return;
  void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw Error("a file of that size does not fit the address space");
  data_ = static_cast<std::byte*>(mapped);
}

ZeroPages::~ZeroPages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace mgit
