#include "remote/pack_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace mgit {
namespace {

constexpr std::string_view kFirstLine = "mgit pack-index 1\n";
constexpr std::string_view kPack = "pack ";
constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLongestChain = 32;  // that readers of packs follow
/// Another request costs more than these bytes.
constexpr std::uint64_t kGap = 64 * 1024;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

/// Takes lines and words of them from a text.
class Words {
 public:
  Words(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  bool next_line() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) fail("its last line is cut");
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    ++number_;
    return true;
  }
  bool takes(std::string_view beginning) {
    if (!line_.starts_with(beginning)) return false;
    line_.remove_prefix(beginning.size());
    return true;
  }
  bool done() const { return line_.empty(); }
  std::string_view word() {
    const std::size_t end = line_.find(' ');
    const std::string_view word = line_.substr(0, end);
    if (end == line_.size() - 1) fail("a blank ends it");
    line_.remove_prefix(end == std::string_view::npos ? line_.size() : end + 1);
    return word;
  }
  Digest digest() {
    const std::string_view text = word();
    const auto digest = Digest::from_hex(text);
    if (!digest || digest->hex() != text) fail("no SHA-256");
    return *digest;
  }
  std::uint64_t number() {
    const std::string_view text = word();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() ||
        (text.size() > 1 && text.front() == '0'))
      fail("no number");
    return value;
  }
  [[noreturn]] void fail(const char* what) const {
    throw CorruptError(fmt::format("damaged index of packs, line {}: {}", number_, what), where_);
  }

 private:
  std::string_view rest_;
  std::string_view line_;
  const std::string& where_;
  std::size_t number_ = 0;
};

PackedRecord record_in(Words& words, const ListedPack& pack) {
  PackedRecord record;
  record.object = words.digest();
  record.offset = words.number();
  record.bytes = words.number();
  if (!words.done()) record.base = words.digest();
  if (!words.done()) words.fail("words too many");
  const std::uint64_t begin =
      pack.records.empty() ? 0 : pack.records.back().offset + pack.records.back().bytes;
  if (record.offset < begin || record.bytes == 0) words.fail("records over each other");
  if (record.offset > pack.size || record.bytes > pack.size - record.offset)
    words.fail("a record outside its pack");
  return record;
}

}  // namespace

bool is_pack_index(std::string_view text) { return text.starts_with(kFirstLine); }

std::string pack_index_text(const std::vector<ListedPack>& packs) {
  std::string text(kFirstLine);
  for (const ListedPack& pack : packs) {
    text += fmt::format("{}{} {}\n", kPack, pack.name, pack.size);
    for (const PackedRecord& record : pack.records) {
      text += fmt::format("{} {} {}", record.object.hex(), record.offset, record.bytes);
      if (record.base) text += " " + record.base->hex();
      text += '\n';
    }
  }
  return text;
}

std::vector<ListedPack> parse_pack_index(std::string_view text, const std::string& where) {
  if (!is_pack_index(text)) throw CorruptError("no index of packs", where);
  Words words(text, where);
  words.next_line();
  std::vector<ListedPack> packs;
  while (words.next_line()) {
    if (words.takes(kPack)) {
      ListedPack pack{std::string(words.word()), words.number()};
      if (!is_name(pack.name)) words.fail("a name that no pack has");
      if (!words.done()) words.fail("words too many");
      packs.push_back(std::move(pack));
    } else if (packs.empty()) {
      words.fail("a record outside a pack");
    } else {
      packs.back().records.push_back(record_in(words, packs.back()));
    }
  }
  return packs;
}

PackTable::PackTable(std::vector<ListedPack> packs) : packs_(std::move(packs)) {
  std::unordered_map<Digest, std::vector<Place>> on_base;
  std::vector<Place> found;
  const auto take = [&](const Place& place) {
    if (places_.emplace(record(place).object, place).second) found.push_back(place);
  };
  for (std::size_t i = 0; i < packs_.size(); ++i)
    for (std::size_t j = 0; j < packs_[i].records.size(); ++j) {
      const auto& base = packs_[i].records[j].base;
      if (base)
        on_base[*base].push_back({i, j, 0});
      else
        take({i, j, 0});
    }
  // By length of chain, so that the first record of an object is one on the shortest.
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::size_t chain = found[i].chain + 1;
    const auto above = on_base.find(record(found[i]).object);
    if (above == on_base.end() || chain > kLongestChain) continue;
    for (const Place& place : above->second) take({place.pack, place.record, chain});
  }
}

const PackTable::Place* PackTable::find(const Digest& object) const {
  const auto found = places_.find(object);
  return found == places_.end() ? nullptr : &found->second;
}

namespace {

/// Puts records behind one another, bases first.
class Plan {
 public:
  Plan(const PackTable& table, const std::function<bool(const Digest&)>& is_here,
       std::uint64_t longest)
      : table_(table), is_here_(is_here), longest_(longest) {}

  /// At most kLongestChain deep.
  void add(const Digest& object, bool base) {
    if (!planned_.insert(object).second || (base && is_here_(object))) return;
    const PackTable::Place& place = *table_.find(object);
    const PackedRecord& record = table_.record(place);
    if (record.base) add(*record.base, true);
    append(place.pack, record);
  }
  std::vector<PackSegment> take() { return std::move(segments_); }

 private:
  void append(std::size_t pack, const PackedRecord& record) {
    if (!segments_.empty()) {
      PackSegment& last = segments_.back();
      const std::uint64_t end = last.offset + last.size;
      const std::uint64_t size = record.offset + record.bytes - last.offset;
      if (last.pack == pack && record.offset >= end && record.offset - end <= kGap &&
          size <= longest_) {
        if (record.offset == end)
          last.parts.back().second += record.bytes;
        else
          last.parts.emplace_back(record.offset - last.offset, record.bytes);
        last.size = size;
        return;
      }
    }
    segments_.push_back({pack, record.offset, record.bytes, {{0, record.bytes}}});
  }

  const PackTable& table_;
  const std::function<bool(const Digest&)>& is_here_;
  std::uint64_t longest_;
  std::unordered_set<Digest> planned_;
  std::vector<PackSegment> segments_;
};

}  // namespace

std::vector<PackSegment> plan_segments(const PackTable& table, std::span<const Digest> objects,
                                       const std::function<bool(const Digest&)>& is_here,
                                       std::uint64_t longest) {
  std::vector<Digest> ordered(objects.begin(), objects.end());
  std::ranges::sort(ordered, {}, [&](const Digest& object) {
    const PackTable::Place* place = table.find(object);
    return std::pair(place->pack, place->record);
  });
  Plan plan(table, is_here, longest);
  for (const Digest& object : ordered) plan.add(object, false);
  return plan.take();
}

}  // namespace mgit
