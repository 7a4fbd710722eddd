// The JSON header of a safetensors file, entry by entry.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// A key of __metadata__ and its text.
using HeaderText = std::pair<std::string, std::string>;

struct HeaderEntry {
  TensorInfo info;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// In the order of the header; names are unique, offsets unchecked. `metadata`, if given, gets what
/// stands beside tensors. Throws CorruptError.
std::vector<HeaderEntry> parse_safetensors_header(std::string_view json,
                                                  std::vector<HeaderText>* metadata = nullptr);

}  // namespace mgit
