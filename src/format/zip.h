// ZIP archives (PKWARE's APPNOTE 6.3), as PyTorch and NumPy write them: read strictly, in bounds.
//
// A stricter reader than most: what two programs could read differently is refused (local header
// and central directory that disagree, duplicate names, entries that overlap each other or the
// directory). Only headers are touched, never an entry's data, so a reader may hand in bytes whose
// data is not there. Pure functions, free for any thread; a CorruptError says what is broken, and
// has no place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mgit/base.h"

namespace mgit {

constexpr std::uint16_t kZipStored = 0;
constexpr std::uint16_t kZipDeflated = 8;

struct ZipEntry {
  std::string name;          // as it stands in the file
  std::uint16_t method = 0;  // kZipStored, kZipDeflated, or one that nobody here unpacks
  std::uint64_t offset = 0;  // where its data begins in the file
  std::uint64_t length = 0;  // bytes of it there
  std::uint64_t size = 0;    // unpacked; equals `length` for a stored entry
  std::uint32_t crc = 0;     // of the unpacked bytes, as the archive says; not checked
  std::uint64_t header = 0;  // where its local header begins
  std::uint64_t end = 0;     // past its data and data descriptor
  std::vector<std::uint64_t> crc_fields;  // where in the file its CRC-32 stands, little-endian

  bool stored() const { return method == kZipStored; }
};

/// Does it begin like an archive with at least one entry?
bool looks_like_zip(Bytes file);

/// In the order of the central directory; names are unique, everything lies inside the file.
std::vector<ZipEntry> read_zip(Bytes file);

/// The entry of that name, nullptr if there is none.
const ZipEntry* find_entry(const std::vector<ZipEntry>& entries, std::string_view name);

/// The bytes of an entry that read_zip found in `file`, unpacked. Refuses (CorruptError) more than
/// `limit` bytes before it allocates them, a method other than stored and deflated, and data that
/// does not unpack to exactly `size` bytes.
Buffer unpack(Bytes file, const ZipEntry& entry, std::uint64_t limit);

/// The CRC-32 of ZIP and zlib; `sum` is that of the bytes before.
std::uint32_t crc32_of(Bytes bytes, std::uint32_t sum = 0);

}  // namespace mgit
