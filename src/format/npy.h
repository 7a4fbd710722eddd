// NumPy's .npy: a header that is a Python literal, then one array; and .npz, a ZIP archive of them.
//
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3. Arrays
// of numbers in C order are tensors. What has no counterpart among tensors (structures, strings,
// Python objects, big-endian numbers, Fortran order) is opaque bytes; nothing is ever unpickled or
// evaluated. Pure functions, free for any thread.
#pragma once

#include <vector>

#include "mgit/format.h"

namespace mgit {

bool looks_like_npy(Bytes file);

/// One tensor, "array". Throws CorruptError or wire::Malformed (without a place).
std::vector<StoredTensor> parse_npy(Bytes file);

}  // namespace mgit
