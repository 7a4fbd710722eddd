#include "format/zip.h"

#include <zlib.h>

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "base/wire.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kDescriptor = 0x08074b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50;
constexpr std::uint32_t kEnd64Locator = 0x07064b50;

constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;

constexpr std::uint16_t kEncrypted = 1 << 0;
constexpr std::uint16_t kHasDescriptor = 1 << 3;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint32_t kSaturated32 = 0xffffffff;
constexpr std::uint16_t kSaturated16 = 0xffff;

/// Deflate cannot do better: a block of 258 bytes costs two bits.
constexpr std::uint64_t kLargestRatio = 1032;

[[noreturn]] void broken(const std::string& reason) {
  throw CorruptError("broken ZIP archive: " + reason);
}

/// Fields of one structure, which begins at `offset` of the file.
class Fields {
 public:
  Fields(Bytes file, std::uint64_t offset, std::uint64_t length, const char* what)
      : reader_(slice(file, offset, length, what)) {}

  std::uint16_t u16() {
    const std::uint16_t low = reader_.u8();
    return static_cast<std::uint16_t>(low | reader_.u8() << 8);
  }
  std::uint32_t u32() { return reader_.u32(); }
  std::uint64_t u64() { return reader_.u64(); }
  void skip(std::uint64_t count) { reader_.take(count); }

  static Bytes slice(Bytes file, std::uint64_t offset, std::uint64_t length, const char* what) {
    if (offset > file.size() || length > file.size() - offset)
      broken(fmt::format("{} reaches past the end of the file", what));
    return file.subspan(offset, length);
  }

 private:
  wire::Reader reader_;
};

/// The 64-bit numbers of the ZIP64 extra field, in order; empty if it has none.
Bytes zip64_numbers(Bytes extra) {
  wire::Reader reader(extra);
  while (reader.rest().size() >= 4) {
    const std::uint32_t head = reader.u32();
    const std::uint32_t length = head >> 16;
    // Padding that is no field at all is common; what claims to be ZIP64 must be whole.
    if (length > reader.rest().size()) {
      if ((head & 0xffff) == kZip64Extra) broken("a ZIP64 field is truncated");
      return {};
    }
    const Bytes field = reader.take(length);
    if ((head & 0xffff) == kZip64Extra) return field;
  }
  return {};
}

/// Replaces `value` by the next ZIP64 number if it is saturated.
void widen(std::uint64_t& value, wire::Reader& numbers) {
  if (value != kSaturated32) return;
  if (numbers.rest().size() < 8) broken("a ZIP64 number is missing");
  value = numbers.u64();
}

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
  std::uint64_t end = 0;  // where the records that follow the directory begin
};

std::uint64_t find_end(Bytes file) {
  if (file.size() < kEndBytes) broken("no end of central directory");
  const std::uint64_t last = file.size() - kEndBytes;
  const std::uint64_t first = last - std::min<std::uint64_t>(last, 0xffff);
  for (std::uint64_t at = last + 1; at-- > first;) {
    if (file[at] != std::byte{'P'}) continue;
    Fields end(file, at, kEndBytes, "its end");
    if (end.u32() != kEnd) continue;
    end.skip(16);
    if (end.u16() == last - at) return at;  // the comment reaches the end of the file
  }
  broken("no end of central directory");
}

void read_end64(Bytes file, std::uint64_t locator, Directory& directory) {
  Fields pointer(file, locator, kLocatorBytes, "the ZIP64 locator");
  pointer.skip(4);
  const std::uint32_t disk = pointer.u32();
  const std::uint64_t at = pointer.u64();
  if (disk != 0 || pointer.u32() > 1) broken("it spans several disks");
  if (at > locator || locator - at < kEnd64Bytes) broken("the ZIP64 end is out of place");
  Fields end(file, at, kEnd64Bytes, "the ZIP64 end");
  if (end.u32() != kEnd64) broken("no ZIP64 end of central directory");
  if (end.u64() != locator - at - 12) broken("the ZIP64 end has a wrong length");
  end.skip(4);
  if (end.u32() != 0 || end.u32() != 0) broken("it spans several disks");
  const std::uint64_t here = end.u64();
  Directory wide;
  wide.entries = end.u64();
  wide.size = end.u64();
  wide.offset = end.u64();
  wide.end = at;
  if (here != wide.entries) broken("it spans several disks");
  const auto agrees = [](std::uint64_t small, std::uint64_t large, std::uint64_t saturated) {
    return small == large || small == saturated;
  };
  if (!agrees(directory.entries, wide.entries, kSaturated16) ||
      !agrees(directory.size, wide.size, kSaturated32) ||
      !agrees(directory.offset, wide.offset, kSaturated32))
    broken("its two end records disagree");
  directory = wide;
}

Directory find_directory(Bytes file) {
  const std::uint64_t at = find_end(file);
  Fields end(file, at, kEndBytes, "its end");
  end.skip(4);
  const std::uint16_t disk = end.u16();
  const std::uint16_t first_disk = end.u16();
  const std::uint16_t here = end.u16();
  Directory directory;
  directory.entries = end.u16();
  directory.size = end.u32();
  directory.offset = end.u32();
  directory.end = at;
  if ((disk != 0 && disk != kSaturated16) || (first_disk != 0 && first_disk != kSaturated16) ||
      here != directory.entries)
    broken("it spans several disks");
  if (at >= kLocatorBytes &&
      Fields(file, at - kLocatorBytes, 4, "the ZIP64 locator").u32() == kEnd64Locator)
    read_end64(file, at - kLocatorBytes, directory);
  if (directory.offset > directory.end || directory.size != directory.end - directory.offset)
    broken("the central directory is out of place");
  if (directory.entries > directory.size / kCentralBytes)
    broken("the central directory is too short for its entries");
  return directory;
}

struct CentralEntry {
  ZipEntry entry;
  std::uint16_t flags = 0;
};

/// Reads the entry at `at` of the central directory and moves `at` behind it.
CentralEntry read_central(Bytes file, std::uint64_t& at, std::uint64_t end) {
  if (end - at < kCentralBytes) broken("the central directory is truncated");
  Fields fields(file, at, kCentralBytes, "the central directory");
  if (fields.u32() != kCentralHeader)
    broken("no entry where the central directory should have one");
  CentralEntry result;
  ZipEntry& entry = result.entry;
  fields.skip(4);
  result.flags = fields.u16();
  entry.method = fields.u16();
  fields.skip(4);
  entry.crc = fields.u32();
  entry.length = fields.u32();
  entry.size = fields.u32();
  const std::uint64_t name = fields.u16();
  const std::uint64_t extra = fields.u16();
  const std::uint64_t comment = fields.u16();
  const std::uint16_t disk = fields.u16();
  fields.skip(6);
  entry.header = fields.u32();
  if (disk != 0 && disk != kSaturated16) broken("it spans several disks");
  if (end - at - kCentralBytes < name + extra + comment)
    broken("the central directory is truncated");
  entry.name = as_text(file.subspan(at + kCentralBytes, name));
  wire::Reader numbers(zip64_numbers(file.subspan(at + kCentralBytes + name, extra)));
  widen(entry.size, numbers);
  widen(entry.length, numbers);
  widen(entry.header, numbers);
  entry.crc_fields.push_back(at + 16);
  at += kCentralBytes + name + extra + comment;
  return result;
}

/// Whether a data descriptor of this form stands at `at`.
bool is_descriptor(Bytes file, std::uint64_t at, const ZipEntry& entry, bool marked, bool wide) {
  const std::uint64_t length = (marked ? 8 : 4) + (wide ? 16 : 8);
  if (at > file.size() || length > file.size() - at) return false;
  Fields fields(file, at, length, "a data descriptor");
  if (marked && fields.u32() != kDescriptor) return false;
  if (fields.u32() != entry.crc) return false;
  const std::uint64_t packed = wide ? fields.u64() : fields.u32();
  const std::uint64_t size = wide ? fields.u64() : fields.u32();
  return packed == entry.length && size == entry.size;
}

/// The APPNOTE leaves open whether a descriptor has a signature, and how wide its sizes are.
void read_descriptor(Bytes file, ZipEntry& entry, bool prefer_wide) {
  for (const bool marked : {true, false})
    for (const bool wide : {prefer_wide, !prefer_wide}) {
      if (!is_descriptor(file, entry.end, entry, marked, wide)) continue;
      entry.crc_fields.push_back(entry.end + (marked ? 4 : 0));
      entry.end += (marked ? 8 : 4) + (wide ? 16 : 8);
      return;
    }
  broken("entry " + quote_name(entry.name) + ": no data descriptor that agrees with the directory");
}

void read_local(Bytes file, CentralEntry& central) {
  ZipEntry& entry = central.entry;
  const auto disagree = [&entry](const char* what) {
    broken(fmt::format("entry {}: local header and directory do not agree about its {}",
                       quote_name(entry.name), what));
  };
  Fields fields(file, entry.header, kLocalBytes, "a local header");
  if (fields.u32() != kLocalHeader)
    broken("entry " + quote_name(entry.name) + ": no local header where the directory says");
  fields.skip(2);
  const std::uint16_t flags = fields.u16();
  if (((flags ^ central.flags) & (kEncrypted | kHasDescriptor)) != 0) disagree("flags");
  if (fields.u16() != entry.method) disagree("method");
  fields.skip(4);
  const std::uint32_t crc = fields.u32();
  std::uint64_t length = fields.u32();
  std::uint64_t size = fields.u32();
  const std::uint64_t name = fields.u16();
  const std::uint64_t extra = fields.u16();
  const Bytes tail =
      Fields::slice(file, entry.header + kLocalBytes, name + extra, "a local header");
  if (as_text(tail.first(name)) != entry.name) disagree("name");
  const Bytes wide = zip64_numbers(tail.subspan(name));
  wire::Reader numbers(wide);
  widen(size, numbers);
  widen(length, numbers);
  const bool descriptor = (flags & kHasDescriptor) != 0;
  const auto matches = [descriptor](std::uint64_t local, std::uint64_t directory) {
    return local == directory || (descriptor && local == 0);
  };
  if (!matches(crc, entry.crc)) disagree("CRC");
  if (!matches(length, entry.length) || !matches(size, entry.size)) disagree("size");
  if (entry.stored() && entry.length != entry.size)
    broken("entry " + quote_name(entry.name) + ": stored, but of two sizes");
  // With a descriptor, zero is only a place holder.
  if (!descriptor || crc != 0) entry.crc_fields.push_back(entry.header + 14);
  entry.offset = entry.header + kLocalBytes + name + extra;
  Fields::slice(file, entry.offset, entry.length, "an entry");
  entry.end = entry.offset + entry.length;
  if (descriptor) read_descriptor(file, entry, !wide.empty());
}

void check_overlaps(const std::vector<ZipEntry>& entries, std::uint64_t directory) {
  std::vector<const ZipEntry*> order(entries.size());
  std::ranges::transform(entries, order.begin(), [](const ZipEntry& entry) { return &entry; });
  std::sort(order.begin(), order.end(),
            [](const ZipEntry* a, const ZipEntry* b) { return a->header < b->header; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && order[i]->header < order[i - 1]->end)
      broken(fmt::format("entries {} and {} overlap", quote_name(order[i - 1]->name),
                         quote_name(order[i]->name)));
    if (order[i]->end > directory)
      broken(fmt::format("entry {} overlaps the central directory", quote_name(order[i]->name)));
  }
}

/// nullopt unless the bytes are one deflate stream of exactly `size` bytes.
std::optional<Buffer> inflate_raw(Bytes packed, std::uint64_t size) {
  Buffer out(size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error("cannot initialise zlib");
  auto* next = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
  std::uint64_t in = packed.size();
  std::uint64_t room = size;
  Bytef nothing = 0;
  stream.next_in = next;
  stream.next_out = size > 0 ? reinterpret_cast<Bytef*>(out.data()) : &nothing;
  int status = Z_OK;
  do {  // zlib counts in 32 bits
    const auto given = static_cast<uInt>(std::min<std::uint64_t>(in, 1U << 30));
    const auto free = static_cast<uInt>(std::min<std::uint64_t>(room, 1U << 30));
    stream.avail_in = given;
    stream.avail_out = free;
    status = inflate(&stream, Z_NO_FLUSH);
    in -= given - stream.avail_in;
    room -= free - stream.avail_out;
    if (given == stream.avail_in && free == stream.avail_out) break;
  } while (status == Z_OK);
  inflateEnd(&stream);
  if (status != Z_STREAM_END || in != 0 || room != 0) return std::nullopt;
  return out;
}

}  // namespace

bool looks_like_zip(Bytes file) {
  return file.size() >= kLocalBytes && wire::Reader(file).u32() == kLocalHeader;
}

std::vector<ZipEntry> read_zip(Bytes file) {
  const Directory directory = find_directory(file);
  std::vector<ZipEntry> entries;
  std::unordered_set<std::string> names;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    CentralEntry central = read_central(file, at, directory.end);
    if ((central.flags & kEncrypted) != 0)
      broken("entry " + quote_name(central.entry.name) + " is encrypted");
    if (!names.insert(central.entry.name).second)
      broken("two entries have the name " + quote_name(central.entry.name));
    read_local(file, central);
    entries.push_back(std::move(central.entry));
  }
  if (at != directory.end) broken("the central directory is longer than its entries");
  check_overlaps(entries, directory.offset);
  return entries;
}

const ZipEntry* find_entry(const std::vector<ZipEntry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [name](const ZipEntry& entry) { return entry.name == name; });
  return found != entries.end() ? &*found : nullptr;
}

Buffer unpack(Bytes file, const ZipEntry& entry, std::uint64_t limit) {
  const std::string name = "entry " + quote_name(entry.name);
  if (entry.size > limit) broken(fmt::format("{}: {} bytes are too many", name, entry.size));
  const Bytes packed = file.subspan(entry.offset, entry.length);
  if (entry.stored()) return {packed.begin(), packed.end()};
  if (entry.method != kZipDeflated)
    broken(fmt::format("{}: packed by method {}", name, entry.method));
  if (entry.size / kLargestRatio > entry.length) broken(name + ": its size cannot be true");
  std::optional<Buffer> out = inflate_raw(packed, entry.size);
  if (!out) broken(name + ": it does not unpack to its size");
  return *std::move(out);
}

std::uint32_t crc32_of(Bytes bytes, std::uint32_t sum) {
  return static_cast<std::uint32_t>(
      ::crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace mgit
