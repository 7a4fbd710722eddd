// Models on disk: a checkpoint file, or a shard index with the shards beside it.
#pragma once

#include <filesystem>
#include <memory>

#include "mgit/tensor.h"

namespace mgit {

/// The model a file stands for, read through mmap. A file named as an index (model.safetensors.
/// index.json) brings its shards, with the checks that committed ones get; symbolic links are
/// refused.
std::unique_ptr<TensorSource> open_model_file(const std::filesystem::path& path);

}  // namespace mgit
