#include "store/record_frames.h"

#include "base/wire.h"
#include "coding/delta.h"
#include "coding/low_rank.h"
#include "coding/view.h"

namespace mgit {
namespace {

/// What decoding finds wrong, as an error that names the record.
template <typename Action>
auto decoding(const Record& record, const Action& action) {
  try {
    return action();
  } catch (const wire::Malformed& malformed) {
    corrupt(record, std::string("damaged object: ") + malformed.what());
  }
}

/// Bytes as they are, in the mapped pack.
class RawFrames final : public ObjectFrames {
 public:
  explicit RawFrames(Record record)
      : ObjectFrames(record.header.size), record_(std::move(record)) {}
  Bytes frame(std::size_t index, std::span<std::byte> /*room*/) const override {
    return record_.payload.subspan(index * kFrameSize, frame_size(index));
  }

 private:
  Record record_;
};

/// Compressed by themselves.
class CodedFrames final : public ObjectFrames {
 public:
  explicit CodedFrames(Record record)
      : ObjectFrames(record.header.size),
        record_(std::move(record)),
        decoder_(decoding(record_, [this] {
          return FrameDecoder(record_.payload, size(), record_.header.element_size);
        })) {}
  Bytes frame(std::size_t index, std::span<std::byte> room) const override {
    decoding(record_, [&] { decoder_.decode(index, room); });
    return room;
  }

 private:
  Record record_;
  FrameDecoder decoder_;
};

/// Differences from the base's frames, which it owns.
class DeltaFrames final : public ObjectFrames {
 public:
  /// `payload` is that of the record, or what of it is a delta.
  DeltaFrames(Record record, Bytes payload, std::unique_ptr<ObjectFrames> base)
      : ObjectFrames(record.header.size),
        record_(std::move(record)),
        base_(std::move(base)),
        decoder_(decoding(
            record_, [&] { return DeltaDecoder(payload, size(), record_.header.element_size); })) {}
  Bytes frame(std::size_t index, std::span<std::byte> room) const override {
    const Scratch scratch(room.size());
    const Bytes base = base_->frame(index, scratch.bytes());
    decoding(record_, [&] { decoder_.decode(index, base, room); });
    return room;
  }

 private:
  Record record_;
  std::unique_ptr<ObjectFrames> base_;
  DeltaDecoder decoder_;
};

std::unique_ptr<ObjectFrames> low_rank_frames(Record record, std::unique_ptr<ObjectFrames> base) {
  wire::Reader reader(record.payload);
  LowRank move = decoding(record, [&] { return take_low_rank(reader, record.header.size); });
  return std::make_unique<DeltaFrames>(std::move(record), reader.rest(),
                                       moved_frames(std::move(base), std::move(move)));
}

/// A gather takes from everywhere, so the object is made whole.
class ViewFrames final : public ObjectFrames {
 public:
  ViewFrames(const Record& record, const ObjectFrames& base)
      : ObjectFrames(record.header.size), data_(record.header.size) {
    const View view = decoding(record, [&] {
      return decode_view(record.payload, record.header.size, record.header.element_size);
    });
    Buffer original(base.size());
    read_frames(base, original);
    gather_axes(original, view.element_size, view.shape, view.axes, data_);
  }
  Bytes frame(std::size_t index, std::span<std::byte> /*room*/) const override {
    return Bytes(data_).subspan(index * kFrameSize, frame_size(index));
  }

 private:
  Buffer data_;
};

/// Readers follow longer chains of bases than writers make.
constexpr int kMaximumDepth = 32;

void check_size(const Record& object, const FindRecord& find, int depth) {
  constexpr std::uint64_t kSmallestFrame = 9;
  const RecordHeader& header = object.header;
  const bool framed = header.encoding != Encoding::kRaw && header.encoding != Encoding::kView;
  if (framed && header.size / kFrameSize > header.payload / kSmallestFrame)
    corrupt(object, "damaged record: its size is impossible");
  if (!header.has_base()) return;
  if (depth >= kMaximumDepth) corrupt(object, "damaged record: bases nested too deeply");
  const Record base = find(header.base);
  if (base.header.size != header.size) corrupt(object, "damaged record: its base has another size");
  check_size(base, find, depth + 1);
}

}  // namespace

void check_chain(const Record& object, const FindRecord& find) { check_size(object, find, 0); }

std::unique_ptr<ObjectFrames> chain_frames(const Record& object, const FindRecord& find) {
  return frames_of(
      object, object.header.has_base() ? chain_frames(find(object.header.base), find) : nullptr);
}

std::unique_ptr<ObjectFrames> frames_of(Record record, std::unique_ptr<ObjectFrames> base) {
  switch (record.header.encoding) {
    case Encoding::kRaw:
      return std::make_unique<RawFrames>(std::move(record));
    case Encoding::kZstd:
      return std::make_unique<CodedFrames>(std::move(record));
    case Encoding::kView:
      return std::make_unique<ViewFrames>(record, *base);
    case Encoding::kDelta:
      return std::make_unique<DeltaFrames>(record, record.payload, std::move(base));
    case Encoding::kLowRank:
      return low_rank_frames(std::move(record), std::move(base));
  }
  corrupt(record, "damaged record: unknown encoding");
}

std::unique_ptr<ObjectFrames> frames_in_memory(Bytes data) {
  Record record;
  record.header.size = data.size();
  record.payload = data;
  return frames_of(std::move(record), nullptr);
}

}  // namespace mgit
