// ZIP archives: entries lie in the file and apart, unpack to what they say or are refused, and
// keep their bytes, whatever their CRC fields hold.
#include "format/zip.h"

#include "checkpoint_checks.h"
#include "format/torch.h"
#include "format/zip_layout.h"
#include "fuzz.h"

namespace {

using namespace mgit;

constexpr std::uint64_t kMostUnpacked = std::uint64_t{1} << 20;

void check_entry(Bytes file, const ZipEntry& entry) {
  fuzz::require(entry.header <= entry.offset && entry.offset <= entry.end &&
                    entry.end <= file.size() && entry.length <= entry.end - entry.offset,
                "an entry lies in the file");
  for (const std::uint64_t field : entry.crc_fields)
    fuzz::require(field <= file.size() && file.size() - field >= 4, "a CRC lies in the file");
  try {
    fuzz::require(unpack(file, entry, kMostUnpacked).size() == entry.size,
                  "an entry unpacks to its size");
  } catch (const CorruptError&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    const std::vector<ZipEntry> entries = read_zip(file);
    for (const ZipEntry& entry : entries) {
      fuzz::require(find_entry(entries, entry.name) == &entry, "an entry is found by its name");
      check_entry(file, entry);
    }
    const ParsedCheckpoint parsed = parse_zip(file, entries);
    fuzz::check_parsed(file, parsed);
    const Layout same = without_crcs(make_layout(file, parsed), file.size());
    fuzz::require(without_crcs(same, file.size()).gaps == same.gaps,
                  "without its CRCs, an archive is one without CRCs");
  } catch (const CorruptError&) {
  }
  return 0;
}
