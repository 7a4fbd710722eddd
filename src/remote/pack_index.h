// What immutable packs on a host hold: the text that is published with them, and the choice among
// several records of one object. docs/formats.md, "Pack index".
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mgit/base.h"

namespace mgit {

struct PackedRecord {
  Digest object;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;       // header and payload
  std::optional<Digest> base{};  // that it is coded against
};

struct ListedPack {
  std::string name;  // at its host: the SHA-256 of the file, or a file name; no "/" in it
  std::uint64_t size = 0;
  std::vector<PackedRecord> records{};  // by offset, none over another
};

/// By its first line.
bool is_pack_index(std::string_view text);
std::string pack_index_text(const std::vector<ListedPack>& packs);
/// Throws CorruptError for anything that pack_index_text does not write; `where` names it.
std::vector<ListedPack> parse_pack_index(std::string_view text, const std::string& where);

/// The records of many packs, of each object the one on the shortest chain of bases. Those whose
/// bases are nowhere, or nested deeper than readers follow, count as not there.
class PackTable {
 public:
  struct Place {
    std::size_t pack = 0;    // in packs()
    std::size_t record = 0;  // in its records
    std::size_t chain = 0;   // bases below it
  };

  PackTable() = default;
  explicit PackTable(std::vector<ListedPack> packs);

  const std::vector<ListedPack>& packs() const { return packs_; }
  const Place* find(const Digest& object) const;
  const PackedRecord& record(const Place& place) const {
    return packs_[place.pack].records[place.record];
  }

 private:
  std::vector<ListedPack> packs_;
  std::unordered_map<Digest, Place> places_;
};

/// Bytes of one pack that are fetched together, and the parts of them that are records.
struct PackSegment {
  std::size_t pack = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  /// (from the segment's beginning, length), in order.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts{};
};

/// What to fetch for `objects`, which the table has, and for the bases they need but those that
/// `is_here`: in an order in which bases come first. Neighbours within a pack are fetched together,
/// with small gaps; longer than `longest` only where a single record is.
std::vector<PackSegment> plan_segments(const PackTable& table, std::span<const Digest> objects,
                                       const std::function<bool(const Digest&)>& is_here,
                                       std::uint64_t longest);

}  // namespace mgit
