#include "remote/pack_remote.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/progress.h"
#include "base/unnamed_file.h"
#include "remote/segment_source.h"
#include "store/record.h"

namespace mgit {
namespace {

/// A pack is closed when it is this large: what is cut off in the middle of an upload is sent
/// again.
constexpr std::uint64_t kPackSize = std::uint64_t{128} << 20;
/// So many are written before they go, side by side.
constexpr std::size_t kPacksAtOnce = 4;
/// Readers follow 32 bases. Longer chains than this are not continued, as several people may do.
constexpr std::size_t kLongChain = 16;
constexpr std::uint64_t kLongestSegment = std::uint64_t{8} << 20;

/// Packs as they are written, a few at a time.
class Outgoing {
 public:
  Outgoing(const Store& store, PackHost& host, Progress& progress)
      : store_(store), host_(host), progress_(progress) {}

  void add(const TravellingRecord& record) {
    if (file_ && size_ >= kPackSize) close();
    if (packs_.size() == kPacksAtOnce && !file_) upload();
    if (!file_) open();
    store_.export_records(std::array{record.object}, [this](Bytes piece) { append(piece); });
    packs_.back().records.push_back({record.object, size_ - written_, written_, record.base});
    written_ = 0;
  }
  /// All of them are there now.
  std::vector<ListedPack> finish() {
    if (file_) close();
    if (!packs_.empty()) upload();
    return std::move(sent_);
  }

 private:
  void open() {
    file_ = std::make_unique<UnnamedFile>(store_.directory());
    hash_.emplace();
    packs_.emplace_back();
    size_ = 0;
    append(as_bytes(kPackMagic));
    written_ = 0;
  }
  void append(Bytes piece) {
    file_->append(piece);
    hash_->update(piece);
    size_ += piece.size();
    written_ += piece.size();
  }
  void close() {
    packs_.back().name = hash_->finish().hex();
    packs_.back().size = size_;
    hash_.reset();
    files_.push_back(std::move(file_));
  }
  void upload() {
    std::vector<OutgoingPack> outgoing;
    for (std::size_t i = 0; i < packs_.size(); ++i)
      outgoing.push_back({packs_[i], files_[i]->fd()});
    host_.upload(outgoing, [this](std::uint64_t bytes) { progress_.advance(bytes); });
    for (ListedPack& pack : packs_) sent_.push_back(std::move(pack));
    packs_.clear();
    files_.clear();
  }

  const Store& store_;
  PackHost& host_;
  Progress& progress_;
  std::vector<ListedPack> packs_;  // being written; all but the last one closed, while file_ is one
  std::vector<std::unique_ptr<UnnamedFile>> files_;
  std::vector<ListedPack> sent_;
  std::unique_ptr<UnnamedFile> file_;
  std::optional<Sha256> hash_;
  std::uint64_t size_ = 0;
  std::uint64_t written_ = 0;
};

class PackRemote : public ObjectRemote {
 public:
  PackRemote(std::unique_ptr<PackHost> host, std::filesystem::path ours)
      : host_(std::move(host)), ours_(std::move(ours)) {}

  bool is(const Store& /*store*/) const override { return false; }

  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    std::vector<Digest> absent;
    if (objects.empty()) return absent;  // no question, no connection
    for (const Digest& object : objects)
      if (table().find(object) == nullptr) absent.push_back(object);
    return absent;
  }

  /// Nothing there is collected, but a host may have lost what an index speaks of: an index is
  /// copied to other hosts as easily as a branch.
  void keep(std::span<const Digest> objects) override {
    if (objects.empty()) return;
    std::vector<bool> needed(table().packs().size());
    for (const Digest& object : objects)
      for (const auto* place = table().find(object); place != nullptr;) {
        needed[place->pack] = true;
        const auto& base = table().record(*place).base;
        place = base ? table().find(*base) : nullptr;
      }
    std::vector<ListedPack> relied_on;
    for (std::size_t i = 0; i < needed.size(); ++i)
      if (needed[i]) relied_on.push_back({table().packs()[i].name, table().packs()[i].size});
    if (relied_on.empty()) return;
    const std::vector<bool> there = host_->are_there(relied_on);
    std::unordered_set<std::string> lost;
    for (std::size_t i = 0; i < relied_on.size(); ++i)
      if (!there[i]) lost.insert(relied_on[i].name);
    if (lost.empty()) return;
    std::vector<ListedPack> packs = table_->packs();
    std::erase_if(packs, [&](const ListedPack& pack) { return lost.contains(pack.name); });
    table_.emplace(std::move(packs));
  }

  TransferReport send(const Store& store, std::span<const Digest> objects) override {
    const std::vector<TravellingRecord> records = chosen(store.records_of(objects));
    if (records.empty()) return {};
    std::uint64_t total = 0;
    for (const TravellingRecord& record : records) total += record.stored;
    Progress progress("sending objects", total, Progress::Unit::kBytes);
    Outgoing outgoing(store, *host_, progress);
    for (const TravellingRecord& record : records) outgoing.add(record);
    std::vector<ListedPack> packs = outgoing.finish();
    host_->publish(packs);
    TransferReport report{records.size(), 0};
    for (const ListedPack& pack : packs) report.stored_bytes += pack.size;
    std::vector<ListedPack> all = table().packs();
    std::move(packs.begin(), packs.end(), std::back_inserter(all));
    table_.emplace(std::move(all));
    return report;
  }

  std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const override {
    const Store ours(ours_);
    const auto segments = plan_segments(
        table(), objects, [&](const Digest& object) { return ours.contains(object); },
        kLongestSegment);
    std::vector<ListedPack> packs;
    std::unordered_set<std::size_t> named;
    std::uint64_t total = 0;
    for (const PackSegment& segment : segments) {
      total += segment.size;
      const ListedPack& pack = table().packs()[segment.pack];
      if (named.insert(segment.pack).second) packs.push_back({pack.name, pack.size});
    }
    host_->prepare(packs);
    Progress progress("receiving objects", total, Progress::Unit::kBytes);
    SegmentSource source(*host_, table(), segments, ours_);
    return batch.import_records([&](std::span<std::byte> out) {
      const std::size_t count = source.read(out);
      progress.advance(count);
      return count;
    });
  }

 private:
  const PackTable& table() const {
    if (!table_) table_.emplace(host_->read_indexes());
    return *table_;
  }

  /// Those that have to go: what is lacking there, and where chains would get too long over there,
  /// what they are to stand on here. In the order given.
  std::vector<TravellingRecord> chosen(const std::vector<TravellingRecord>& records) const {
    std::unordered_map<Digest, const TravellingRecord*> ours;
    for (const TravellingRecord& record : records) ours.emplace(record.object, &record);
    std::unordered_map<Digest, std::size_t> chains;
    std::unordered_set<Digest> going;
    for (const TravellingRecord& record : records) {  // bases first
      if (const auto* place = table().find(record.object)) {
        chains[record.object] = place->chain;
        continue;
      }
      going.insert(record.object);
      std::size_t chain = record.base ? chains.at(*record.base) + 1 : 0;
      if (chain > kLongChain) {
        chain = 0;
        for (auto base = record.base; base; base = ours.at(*base)->base, ++chain)
          going.insert(*base);
      }
      chains[record.object] = chain;
    }
    std::vector<TravellingRecord> result;
    for (const TravellingRecord& record : records)
      if (going.contains(record.object)) result.push_back(record);
    return result;
  }

  std::unique_ptr<PackHost> host_;
  std::filesystem::path ours_;
  mutable std::optional<PackTable> table_;  // read when it is needed first
};

}  // namespace

std::unique_ptr<ObjectRemote> pack_remote(std::unique_ptr<PackHost> host,
                                          const std::filesystem::path& ours) {
  return std::make_unique<PackRemote>(std::move(host), ours);
}

}  // namespace mgit
