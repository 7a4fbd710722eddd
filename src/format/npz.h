// NumPy's .npz: a ZIP archive of .npy files, and of nothing else.
//
// Arrays of stored entries (numpy.savez) are tensors, as in format/npy.h; a deflated entry
// (savez_compressed) is opaque bytes as it stands in the archive. Pure functions, free for any
// thread.
#pragma once

#include <vector>

#include "format/zip.h"
#include "mgit/format.h"

namespace mgit {

bool looks_like_npz(const std::vector<ZipEntry>& entries);

/// Sorted by name, which is that of the entry without ".npy". Throws CorruptError or
/// wire::Malformed (without a place).
std::vector<StoredTensor> parse_npz(Bytes file, const std::vector<ZipEntry>& entries);

}  // namespace mgit
