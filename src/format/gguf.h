// GGUF, the files of ggml and llama.cpp: metadata, a table of tensors, aligned tensors.
//
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
// Quantised tensors keep ggml's type and are opaque. Pure functions, free for any thread.
#pragma once

#include <vector>

#include "mgit/format.h"

namespace mgit {

bool looks_like_gguf(Bytes file);

/// Sorted by name. Throws CorruptError or wire::Malformed (without a place) for what is truncated,
/// damaged, big-endian, or has tensors of types that are not known here.
std::vector<StoredTensor> parse_gguf(Bytes file);

}  // namespace mgit
