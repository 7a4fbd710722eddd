// The safetensors format: eight bytes of length, a JSON header, tensors.
//
// https://huggingface.co/docs/safetensors. Stricter than the format where a file is ambiguous
// (duplicate keys, overlaps), more tolerant where its bytes can be kept (gaps between tensors).
#pragma once

#include <vector>

#include "format/outline.h"
#include "mgit/format.h"

namespace mgit {

/// Throws CorruptError (without a place) saying what is broken. Sorted by name.
std::vector<StoredTensor> parse_safetensors(Bytes file);

/// The tensors in the order of the header, and __metadata__. Throws as parse_safetensors.
Outline outline_safetensors(Bytes file);

}  // namespace mgit
