#include "format/zip_layout.h"

#include <algorithm>
#include <unordered_map>

#include "base/zero_pages.h"
#include "format/zip.h"

namespace mgit {
namespace {

constexpr std::string_view kDigestOfAll = "/.data/serialization_id";

/// The file without its storages: zeros stand for them, since a reader of archives touches none.
class Gaps {
 public:
  Gaps(Layout& layout, std::uint64_t size) : layout_(layout), pages_(size) {
    std::uint64_t gap = 0;
    each_gap([&](std::uint64_t at, std::uint64_t length) {
      const auto from = Bytes(layout_.gaps).subspan(gap, length);
      std::copy(from.begin(), from.end(), pages_.bytes().subspan(at, length).begin());
      gap += length;
    });
    for (ZipEntry& entry : read_zip(pages_.bytes())) {
      const std::uint64_t offset = entry.offset;
      if (entry.length > 0) entries_.emplace(offset, std::move(entry));
    }
  }

  /// The entry whose data is the segment at `offset`; nullptr if there is none.
  const ZipEntry* entry(std::uint64_t offset, std::uint64_t length) const {
    const auto found = entries_.find(offset);
    return found != entries_.end() && found->second.length == length ? &found->second : nullptr;
  }

  const ZipEntry* ending(std::string_view suffix) const {
    for (const auto& [offset, entry] : entries_)
      if (entry.name.ends_with(suffix)) return &entry;
    return nullptr;
  }

  void set_crc(const ZipEntry& entry, std::uint32_t crc) {
    for (const std::uint64_t at : entry.crc_fields)
      for (unsigned i = 0; i < 4; ++i)
        pages_.bytes()[at + i] = static_cast<std::byte>(crc >> (8 * i) & 0xff);
  }

  void clear(const ZipEntry& entry) {
    const auto data = pages_.bytes().subspan(entry.offset, entry.length);
    std::fill(data.begin(), data.end(), std::byte{0});
  }

  template <typename Visit>
  void each_segment(const Visit& visit) const {
    std::uint64_t at = 0;
    for (const Segment& segment : layout_.segments) {
      if (at > pages_.bytes().size() || segment.length > pages_.bytes().size() - at)
        throw CorruptError("damaged layout: it is longer than the file");
      visit(segment, at);
      at += segment.length;
    }
  }

  void write_back() {
    std::uint64_t gap = 0;
    each_gap([&](std::uint64_t at, std::uint64_t length) {
      const auto from = pages_.bytes().subspan(at, length);
      std::copy(from.begin(), from.end(), layout_.gaps.begin() + static_cast<std::ptrdiff_t>(gap));
      gap += length;
    });
  }

 private:
  template <typename Visit>
  void each_gap(const Visit& visit) const {
    each_segment([&visit](const Segment& segment, std::uint64_t at) {
      if (segment.kind == Segment::Kind::kGap) visit(at, segment.length);
    });
  }

  Layout& layout_;
  ZeroPages pages_;
  std::unordered_map<std::uint64_t, ZipEntry> entries_;
};

}  // namespace

Layout with_crcs(Layout layout, std::uint64_t size,
                 const std::function<std::optional<std::uint32_t>(std::uint64_t tensor)>& crc_of) {
  Gaps gaps(layout, size);
  gaps.each_segment([&](const Segment& segment, std::uint64_t at) {
    if (segment.kind == Segment::Kind::kGap) return;
    const auto crc = crc_of(segment.tensor);
    if (!crc) return;
    const ZipEntry* entry = gaps.entry(at, segment.length);
    if (entry == nullptr)
      throw CorruptError("damaged layout: a storage is not an entry of the archive");
    gaps.set_crc(*entry, *crc);
  });
  gaps.write_back();
  return layout;
}

Layout without_crcs(Layout layout, std::uint64_t size) {
  Gaps gaps(layout, size);
  gaps.each_segment([&](const Segment& segment, std::uint64_t at) {
    if (segment.kind == Segment::Kind::kGap) return;
    if (const ZipEntry* entry = gaps.entry(at, segment.length)) gaps.set_crc(*entry, 0);
  });
  if (const ZipEntry* digest = gaps.ending(kDigestOfAll)) {
    gaps.set_crc(*digest, 0);
    gaps.clear(*digest);
  }
  gaps.write_back();
  return layout;
}

}  // namespace mgit
