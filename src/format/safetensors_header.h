// The JSON header of a safetensors file, entry by entry.
#pragma once

#include <string_view>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

struct HeaderEntry {
  TensorInfo info;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// In the order of the header; names are unique, offsets unchecked. Throws CorruptError.
std::vector<HeaderEntry> parse_safetensors_header(std::string_view json);

}  // namespace mgit
