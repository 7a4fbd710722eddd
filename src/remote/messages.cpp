#include "remote/messages.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "base/wire.h"

namespace mgit {
namespace {

constexpr std::size_t kDigestSize = sizeof(Digest::bytes);
constexpr std::size_t kRecordSize = 2 * kDigestSize + sizeof(std::uint64_t);
constexpr std::size_t kLongestText = 500;

[[noreturn]] void refuse() { throw CorruptError("what arrived is not mgit's protocol"); }

Digest digest_at(Bytes bytes) {
  Digest digest;
  std::memcpy(digest.bytes.data(), bytes.data(), kDigestSize);
  return digest;
}

Bytes bytes_of(const Digest& digest) { return std::as_bytes(std::span(digest.bytes)); }

/// One line that no terminal takes for anything but text.
std::string tamed(std::string_view text) {
  std::string result(text.substr(0, kLongestText));
  std::replace_if(
      result.begin(), result.end(),
      [](char each) { return static_cast<unsigned char>(each) < ' ' || each == '\x7f'; }, ' ');
  return result;
}

}  // namespace

void send_objects(FrameChannel& channel, std::span<const Digest> objects) {
  Buffer bytes;
  bytes.reserve(objects.size() * kDigestSize);
  for (const Digest& object : objects) wire::put_bytes(bytes, bytes_of(object));
  channel.send_long(FrameType::kObjects, bytes);
}

void add_objects(const Frame& frame, std::vector<Digest>& objects) {
  const std::size_t count = frame.payload.size() / kDigestSize;
  if (frame.payload.size() % kDigestSize != 0 || count > kMostObjects - objects.size()) refuse();
  for (std::size_t i = 0; i < count; ++i)
    objects.push_back(digest_at(Bytes(frame.payload).subspan(i * kDigestSize)));
}

Buffer bits_of(std::span<const Digest> all, std::span<const Digest> some) {
  Buffer bits((all.size() + 7) / 8);
  const std::unordered_set<Digest> chosen(some.begin(), some.end());
  for (std::size_t i = 0; i < all.size(); ++i)
    if (chosen.contains(all[i])) bits[i / 8] |= std::byte{1} << (i % 8);
  return bits;
}

std::vector<Digest> chosen_by(Bytes bits, std::span<const Digest> all) {
  if (bits.size() != (all.size() + 7) / 8) refuse();
  std::vector<Digest> chosen;
  for (std::size_t i = 0; i < all.size(); ++i)
    if ((bits[i / 8] & std::byte{1} << (i % 8)) != std::byte{0}) chosen.push_back(all[i]);
  return chosen;
}

Buffer encode_records(std::span<const TravellingRecord> records) {
  Buffer bytes;
  bytes.reserve(records.size() * kRecordSize);
  for (const TravellingRecord& record : records) {
    wire::put_bytes(bytes, bytes_of(record.object));
    wire::put_bytes(bytes, bytes_of(record.base.value_or(Digest{})));
    wire::put_u64(bytes, record.stored);
  }
  return bytes;
}

std::vector<TravellingRecord> decode_records(Bytes bytes) {
  if (bytes.size() % kRecordSize != 0) refuse();
  std::vector<TravellingRecord> records;
  for (; !bytes.empty(); bytes = bytes.subspan(kRecordSize)) {
    TravellingRecord& record = records.emplace_back();
    record.object = digest_at(bytes);
    const Digest base = digest_at(bytes.subspan(kDigestSize));
    if (base != Digest{}) record.base = base;
    record.stored = wire::Reader(bytes.subspan(2 * kDigestSize)).u64();
  }
  return records;
}

Buffer encode_error(const Error& error) {
  Buffer bytes;
  for (const std::string& text : {std::string(error.what()), error.where(), error.hint()}) {
    const std::string_view part = std::string_view(text).substr(0, kLongestText);
    wire::put_u32(bytes, static_cast<std::uint32_t>(part.size()));
    wire::put_bytes(bytes, as_bytes(part));
  }
  return bytes;
}

Error decode_error(Bytes bytes, const std::string& from) {
  try {
    wire::Reader reader(bytes);
    const auto text = [&] { return tamed(as_text(reader.take(reader.u32()))); };
    const std::string what = text();
    const std::string where = text();
    const std::string hint = text();
    return Error(where.empty() ? what : where + ": " + what, from, hint);
  } catch (const wire::Malformed&) {
    refuse();
  }
}

RecordSource record_source(FrameChannel& channel, const std::string& from) {
  struct State {
    Frame frame;
    std::size_t taken = 0;
    bool ended = false;
  };
  return
      [&channel, from, state = std::make_shared<State>()](std::span<std::byte> out) -> std::size_t {
        while (!state->ended && state->taken == state->frame.payload.size()) {
          auto frame = channel.receive();
          if (!frame) throw ConnectionLost("the connection ended too early", from);
          if (frame->type == FrameType::kError) throw decode_error(frame->payload, from);
          if (frame->type != FrameType::kStream && frame->type != FrameType::kEnd) refuse();
          state->ended = frame->type == FrameType::kEnd;
          state->frame = *std::move(frame);
          state->taken = 0;
        }
        if (state->ended) return 0;
        const std::size_t count = std::min(out.size(), state->frame.payload.size() - state->taken);
        std::memcpy(out.data(), state->frame.payload.data() + state->taken, count);
        state->taken += count;
        return count;
      };
}

void RecordSink::write(Bytes piece) {
  while (!piece.empty()) {
    const std::size_t count = std::min(piece.size(), kLargestFrame - frame_.size());
    wire::put_bytes(frame_, piece.first(count));
    piece = piece.subspan(count);
    if (frame_.size() < kLargestFrame) continue;
    channel_.send(FrameType::kStream, frame_);
    frame_.clear();
  }
}

void RecordSink::finish() {
  if (!frame_.empty()) channel_.send(FrameType::kStream, frame_);
  channel_.send(FrameType::kEnd);
  channel_.flush();
}

}  // namespace mgit
