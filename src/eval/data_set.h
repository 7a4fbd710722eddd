// Data files: safetensors files with "input" and "target".
#pragma once

#include <filesystem>

#include "mgit/tensor.h"

namespace mgit {

/// A data set as tensors that live as long as this does.
struct DataSet {
  TensorData input;
  TensorData target;  // without an owner: the file has none
};

/// Throws Error if the file is no safetensors file or lacks "input", or "target" where the samples
/// have to be labelled.
DataSet read_data_set(const std::filesystem::path& path, bool labelled = true);

}  // namespace mgit
