// What all container parsers check before they believe a table of tensors.
#pragma once

#include <vector>

#include "mgit/format.h"

namespace mgit {

/// The tensors sorted by name. Throws CorruptError (without a place) if two have one name, one lies
/// outside the file, or two overlap.
std::vector<StoredTensor> checked_tensors(std::vector<StoredTensor> tensors,
                                          std::uint64_t file_size);

/// Its bytes by dtype and shape; throws CorruptError for a shape that cannot be.
std::uint64_t length_of(const TensorInfo& info);

}  // namespace mgit
