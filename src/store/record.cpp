#include "store/record.h"

#include <algorithm>

#include "base/wire.h"
#include "coding/checksum.h"

namespace mgit {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSummed = kRecordHeaderSize - sizeof(std::uint64_t);
constexpr std::uint8_t kMaximumElement = 16;

Digest read_digest(wire::Reader& reader) {
  Digest digest;
  const Bytes bytes = reader.take(digest.bytes.size());
  std::transform(bytes.begin(), bytes.end(), digest.bytes.begin(),
                 [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
  return digest;
}

bool plausible(const RecordHeader& header) {
  return header.encoding <= Encoding::kLowRank && header.element_size >= 1 &&
         header.element_size <= kMaximumElement &&
         (header.encoding != Encoding::kRaw || header.payload == header.size);
}

/// Where the next intact header begins at or after `offset`; the end if there is none.
std::uint64_t next_header(Bytes pack, std::uint64_t offset) {
  const std::string_view text = as_text(pack);
  for (std::size_t at = text.find(kRecordMagic, offset); at != std::string_view::npos;
       at = text.find(kRecordMagic, at + 1))
    if (decode_header(pack.subspan(at))) return at;
  return pack.size();
}

}  // namespace

Buffer encode_header(const RecordHeader& header) {
  Buffer out;
  out.reserve(kRecordHeaderSize);
  wire::put_bytes(out, as_bytes(kRecordMagic));
  for (const unsigned byte : {unsigned{kVersion}, static_cast<unsigned>(header.encoding),
                              unsigned{header.element_size}, 0U})
    out.push_back(static_cast<std::byte>(byte));
  wire::put_u32(out, 0);
  wire::put_u64(out, header.size);
  wire::put_u64(out, header.payload);
  wire::put_bytes(out, std::as_bytes(std::span(header.object.bytes)));
  wire::put_bytes(out, std::as_bytes(std::span(header.base.bytes)));
  wire::put_u64(out, header.payload_sum);
  wire::put_u64(out, checksum(out));
  return out;
}

std::optional<RecordHeader> decode_header(Bytes bytes) {
  if (bytes.size() < kRecordHeaderSize) return std::nullopt;
  wire::Reader reader(bytes.first(kRecordHeaderSize));
  if (as_text(reader.take(kRecordMagic.size())) != kRecordMagic) return std::nullopt;
  if (wire::Reader(bytes.subspan(kSummed)).u64() != checksum(bytes.first(kSummed)))
    return std::nullopt;
  if (reader.u8() != kVersion) return std::nullopt;
  RecordHeader header;
  header.encoding = static_cast<Encoding>(reader.u8());
  header.element_size = reader.u8();
  reader.take(5);
  header.size = reader.u64();
  header.payload = reader.u64();
  header.object = read_digest(reader);
  header.base = read_digest(reader);
  header.payload_sum = reader.u64();
  if (!plausible(header)) return std::nullopt;
  return header;
}

void corrupt(const Record& record, const std::string& what) {
  throw CorruptError(
      what, record.place,
      "restore the pack, or run 'mgit fsck --rebuild' and fetch or add the object again");
}

bool payload_is_intact(Bytes pack, const ScannedRecord& record) {
  const Bytes payload = pack.subspan(record.offset + kRecordHeaderSize, record.header.payload);
  return checksum(payload) == record.header.payload_sum;
}

void write_record(const Record& record, const std::function<void(Bytes)>& sink) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  sink(encode_header(record.header));
  Checksum sum;
  for (Bytes rest = record.payload; !rest.empty();) {
    const Bytes piece = rest.first(std::min(rest.size(), kPiece));
    rest = rest.subspan(piece.size());
    sum.update(piece);
    sink(piece);
  }
  if (sum.finish() != record.header.payload_sum) corrupt(record, "damaged record");
}

PackScan scan_pack(Bytes pack, ScanDepth depth) {
  PackScan scan;
  std::uint64_t at = kPackMagic.size();
  if (!as_text(pack).starts_with(kPackMagic)) {
    scan.damage.push_back({0, "damaged first line", std::nullopt});
    at = next_header(pack, 0);
  }
  while (at < pack.size()) {
    const auto header = decode_header(pack.subspan(at));
    if (!header) {
      scan.damage.push_back({at, "damaged record header", std::nullopt});
      at = next_header(pack, at + 1);
      continue;
    }
    if (header->payload > pack.size() - at - kRecordHeaderSize) {
      scan.damage.push_back({at, "truncated record", header->object});
      at = next_header(pack, at + 1);
      continue;
    }
    const ScannedRecord record{*header, at};
    if (depth == ScanDepth::kHeaders || payload_is_intact(pack, record))
      scan.records.push_back(record);
    else
      scan.damage.push_back({at, "damaged record", header->object});
    at += header->record_size();
  }
  return scan;
}

}  // namespace mgit
