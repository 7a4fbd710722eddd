#include "store/arrivals.h"

#include <fmt/format.h>

#include <utility>

#include "base/threads.h"

namespace mgit {
namespace {

/// Objects from this size on are decoded on all cores, smaller ones side by side.
constexpr std::uint64_t kWorthAllCores = std::uint64_t{16} << 20;

std::string place_of(const RecordHeader& header) {
  return fmt::format("object {}, as it arrived", header.object.hex());
}

void expect_name(const Record& record, const Digest& found) {
  if (found != record.header.object)
    corrupt(record, "damaged object: its content is not what its name says");
}

Digest digest_of(const ObjectFrames& object) {
  Sha256 hash;
  Buffer room;
  for (std::size_t i = 0; i < object.frames(); ++i) {
    room.resize(object.frame_size(i));
    hash.update(object.frame(i, room));
  }
  return hash.finish();
}

Digest digest_on_all_cores(const ObjectFrames& object) {
  Sha256 hash;
  std::vector<Buffer> rooms(4 * thread_count());
  std::vector<Bytes> decoded(rooms.size());
  ordered_for(
      object.frames(), rooms.size(),
      [&](std::size_t i, std::size_t slot) {
        rooms[slot].resize(object.frame_size(i));
        decoded[slot] = object.frame(i, rooms[slot]);
      },
      [&](std::size_t, std::size_t slot) { hash.update(decoded[slot]); });
  return hash.finish();
}

/// The advice that fits what lies in a pack fits nothing that has just arrived.
template <typename Action>
auto arriving(const Action& action) {
  try {
    return action();
  } catch (const CorruptError& error) {
    if (!error.where().ends_with("as it arrived")) throw;
    throw CorruptError(error.what(), error.where(),
                       "try again; if that is no better, run 'mgit fsck' where it comes from");
  }
}

}  // namespace

void Arrivals::add(const RecordHeader& header, std::uint64_t offset) {
  waiting_.push_back({header, offset});
  waiting_bytes_ += header.record_size();
}

void Arrivals::verify(const std::filesystem::path& pack) {
  finish();
  if (waiting_.empty()) return;
  pack_ = std::make_shared<const MappedFile>(pack);
  for (const Arrived& each : waiting_) readable_.emplace(each.header.object, each);
  waiting_bytes_ = 0;
  comparing_ = std::async(std::launch::async, [this, arrived = std::exchange(waiting_, {})] {
    arriving([&] { compare(arrived); });
  });
}

void Arrivals::finish() {
  if (comparing_.valid()) comparing_.get();
}

Record Arrivals::record(const Arrived& arrived) const {
  return {arrived.header,
          pack_->bytes().subspan(arrived.offset + kRecordHeaderSize, arrived.header.payload),
          place_of(arrived.header), pack_};
}

Record Arrivals::find(const Digest& object) const {
  const auto found = readable_.find(object);
  return found != readable_.end() ? record(found->second) : store_.record(object);
}

void Arrivals::compare(const std::vector<Arrived>& arrived) const {
  const FindRecord find = [this](const Digest& base) { return this->find(base); };
  std::vector<const Arrived*> small;
  for (const Arrived& each : arrived) {
    if (each.header.size < kWorthAllCores) {
      small.push_back(&each);
      continue;
    }
    const Record object = record(each);
    check_chain(object, find);
    expect_name(object, digest_on_all_cores(*chain_frames(object, find)));
  }
  parallel_for(small.size(), [&](std::size_t i) {
    const Record object = record(*small[i]);
    check_chain(object, find);
    expect_name(object, digest_of(*chain_frames(object, find)));
  });
}

Buffer Arrivals::read(const RecordHeader& header, Bytes payload) const {
  return arriving([&] {
    const Record object{header, payload, place_of(header), nullptr};
    const FindRecord find = [this](const Digest& base) { return this->find(base); };
    check_chain(object, find);
    const auto frames = chain_frames(object, find);
    Buffer data(object.header.size);
    read_frames(*frames, data);
    expect_name(object, sha256(data));
    return data;
  });
}

}  // namespace mgit
