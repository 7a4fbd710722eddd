#include "remote/served_store.h"

#include <algorithm>

#include "base/wire.h"
#include "remote/messages.h"
#include "remote/serve.h"

namespace mgit {
namespace {

constexpr std::string_view kName = "mgit serve ";

/// In quotes, on one line.
std::string quoted_line(std::string_view text) {
  std::string result = "'";
  for (const char each : text)
    if (static_cast<unsigned char>(each) >= ' ') result += each;
  return result + "'";
}

}  // namespace

/// Who cannot write any more may have been told why.
template <typename Action>
auto ServedStore::asking(const Action& action) {
  try {
    return action();
  } catch (const ConnectionLost& lost) {
    while (const auto frame = channel_.receive())
      if (frame->type == FrameType::kError) throw decode_error(frame->payload, where_);
    throw;
  }
}

/// However many objects are asked about at once at most.
template <typename Action>
void ServedStore::in_parts(std::span<const Digest> objects, const Action& action) {
  while (!objects.empty()) {
    const auto part = objects.first(std::min(objects.size(), kMostObjects));
    asking([&] { action(part); });
    objects = objects.subspan(part.size());
  }
}

Frame ServedStore::answer(std::initializer_list<FrameType> expected) {
  auto frame = channel_.receive();
  if (!frame) throw ConnectionLost("the connection ended too early", where_);
  if (frame->type == FrameType::kError) throw decode_error(frame->payload, where_);
  if (std::find(expected.begin(), expected.end(), frame->type) == expected.end())
    throw CorruptError("what answers there does not follow mgit's protocol", where_);
  return *std::move(frame);
}

void ServedStore::greet() {
  const Buffer bytes = channel_.receive_raw(kGreeting.size());
  const std::string_view greeting = as_text(bytes);
  if (greeting == kGreeting) return;
  if (greeting.empty()) throw ConnectionLost("the connection ended too early", where_);
  if (greeting.starts_with(kName))
    throw Error("mgit over there speaks another version of the protocol", where_,
                "install the same version of mgit on both sides");
  throw Error("what answers there is not mgit serve: " + quoted_line(greeting), where_,
              "what the shell there runs at its start must print nothing");
}

std::vector<Digest> ServedStore::lacking(std::span<const Digest> objects) {
  std::vector<Digest> absent;
  in_parts(objects, [&](std::span<const Digest> part) {
    send_objects(channel_, part);
    channel_.send(FrameType::kLacking);
    const std::vector<Digest> some = chosen_by(answer({FrameType::kBits}).payload, part);
    absent.insert(absent.end(), some.begin(), some.end());
  });
  return absent;
}

void ServedStore::keep(std::span<const Digest> objects) {
  in_parts(objects, [&](std::span<const Digest> part) {
    send_objects(channel_, part);
    channel_.send(FrameType::kKeep);
  });
}

std::vector<TravellingRecord> ServedStore::records_of(std::span<const Digest> objects) {
  std::vector<TravellingRecord> records;
  in_parts(objects, [&](std::span<const Digest> part) {
    send_objects(channel_, part);
    channel_.send(FrameType::kRecordsOf);
    while (true) {
      const Frame frame = answer({FrameType::kRecords, FrameType::kEnd});
      if (frame.type == FrameType::kEnd) break;
      const auto some = decode_records(frame.payload);
      if (some.size() > kMostObjects - records.size())
        throw CorruptError("more objects than anybody asked for", where_);
      records.insert(records.end(), some.begin(), some.end());
    }
  });
  return records;
}

std::size_t ServedStore::get(std::span<const Digest> objects, Store::Batch& batch,
                             const Advance& advance) {
  std::size_t taken = 0;
  in_parts(objects, [&](std::span<const Digest> part) {
    send_objects(channel_, part);
    channel_.send(FrameType::kGet);
    const RecordSource source = record_source(channel_, where_);
    taken += batch.import_records([&](std::span<std::byte> out) {
      const std::size_t count = source(out);
      advance(count);
      return count;
    });
  });
  return taken;
}

TransferReport ServedStore::send(const Store& store, std::span<const Digest> objects,
                                 const Advance& advance) {
  return asking([&]() -> TransferReport {
    channel_.send(FrameType::kSend);
    RecordSink sink(channel_);
    store.export_records(objects, [&](Bytes piece) {
      sink.write(piece);
      advance(piece.size());
    });
    sink.finish();
    const Frame done = answer({FrameType::kDone});
    try {
      wire::Reader reader(done.payload);
      const std::uint64_t count = reader.u64();
      return {static_cast<std::size_t>(count), reader.u64()};
    } catch (const wire::Malformed&) {
      throw CorruptError("what answers there does not follow mgit's protocol", where_);
    }
  });
}

}  // namespace mgit
