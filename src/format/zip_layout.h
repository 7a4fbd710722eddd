// Layouts of ZIP archives whose entries are replaced: the CRC-32 fields that stand in the gaps.
//
// Pure functions of bytes. They throw CorruptError if the gaps are no archive's.
#pragma once

#include <functional>
#include <optional>

#include "mgit/format.h"

namespace mgit {

/// The layout of an archive of `size` bytes after storages were replaced. `crc_of` has the CRC-32
/// of the segment with this tensor, nullopt for one that stays.
Layout with_crcs(Layout layout, std::uint64_t size,
                 const std::function<std::optional<std::uint32_t>(std::uint64_t tensor)>& crc_of);

/// With zeros for everything that depends on the storages: their CRC-32, and the digest of them all
/// that PyTorch adds. Archives of one program, pickle and shapes are the same here.
Layout without_crcs(Layout layout, std::uint64_t size);

}  // namespace mgit
