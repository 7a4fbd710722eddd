// Writes safetensors files: the ones mgit makes itself (data sets, trained networks).
#pragma once

#include <filesystem>

#include "mgit/tensor.h"

namespace mgit {

/// The file's bytes: header padded to 8 bytes, tensors in the source's order without gaps.
Buffer safetensors_bytes(const TensorSource& tensors);

/// Writes it, replacing what was there.
void write_safetensors(const std::filesystem::path& path, const TensorSource& tensors);

}  // namespace mgit
