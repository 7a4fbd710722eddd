// A record of a pack: a header that says everything about one object, then its payload.
//
// docs/formats.md has the bytes. The index only repeats what records say.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/mapped_file.h"
#include "mgit/base.h"
#include "mgit/store.h"

namespace mgit {

constexpr std::size_t kRecordHeaderSize = 112;
constexpr std::string_view kRecordMagic = "\x9dmgitobj";
constexpr std::string_view kPackMagic = "mgit pack 1\n";

struct RecordHeader {
  Encoding encoding = Encoding::kRaw;
  std::uint8_t element_size = 1;  // as the coder used it
  std::uint64_t size = 0;         // of the object
  std::uint64_t payload = 0;      // bytes that follow the header
  Digest object;
  Digest base;  // zero unless has_base()
  std::uint64_t payload_sum = 0;

  std::uint64_t record_size() const { return kRecordHeaderSize + payload; }
  bool has_base() const { return encoding >= Encoding::kView; }
};

Buffer encode_header(const RecordHeader& header);
/// nullopt unless `bytes` begin with an intact header.
std::optional<RecordHeader> decode_header(Bytes bytes);

/// A record whose header is intact and whose payload lies inside its pack.
struct Record {
  RecordHeader header;
  Bytes payload;
  std::string place;  // "object …, pack …, offset …", for messages
  std::shared_ptr<const MappedFile> pack;
};

/// Throws CorruptError.
[[noreturn]] void corrupt(const Record& record, const std::string& what);

/// A record in a mapped pack.
struct ScannedRecord {
  RecordHeader header;
  std::uint64_t offset = 0;
};

struct PackDamage {
  std::uint64_t offset = 0;
  std::string what;
  std::optional<Digest> object;  // whose record it is, where that is known
};

struct PackScan {
  std::vector<ScannedRecord> records;  // intact ones
  std::vector<PackDamage> damage;
};

/// kHeaders believes payloads; it touches one page per record.
enum class ScanDepth { kHeaders, kPayloads };

/// Walks a pack, by default checking every byte; after damage it goes on at the next intact header.
PackScan scan_pack(Bytes pack, ScanDepth depth = ScanDepth::kPayloads);
/// True if the payload of a scanned record is what its header says.
bool payload_is_intact(Bytes pack, const ScannedRecord& record);

/// Header and payload, in pieces. Throws CorruptError at the end of a payload that is not what the
/// header says.
void write_record(const Record& record, const std::function<void(Bytes)>& sink);

}  // namespace mgit
