// The idx format of the MNIST files: big-endian header, then unsigned bytes; gzipped or not.
#pragma once

#include <filesystem>

#include "mgit/tensor.h"

namespace mgit {

struct IdxArray {
  Shape shape;
  Buffer values;  // unsigned bytes, row-major
};

/// Throws MissingError, or CorruptError for a file that is not what its header says. Memory grows
/// with the bytes that are really there, whatever the header claims.
IdxArray read_idx(const std::filesystem::path& path);

/// "input" (F32 [N,1,H,W], (pixel/255 - mean) / deviation) and "target" (I64 [N]) from the pair
/// `directory`/`stem`-images-idx3-ubyte and -labels-idx1-ubyte, each with or without .gz.
MemoryModel read_mnist(const std::filesystem::path& directory, const std::string& stem);

}  // namespace mgit
