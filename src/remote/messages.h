// What the frames of the protocol hold (docs/protocol.md), written and read with bounds.
#pragma once

#include <vector>

#include "mgit/store.h"
#include "remote/frames.h"

namespace mgit {

/// So many objects are asked about at once at most.
constexpr std::size_t kMostObjects = std::size_t{1} << 22;

void send_objects(FrameChannel& channel, std::span<const Digest> objects);
/// Throws CorruptError for anything but whole digests, or too many.
void add_objects(const Frame& frame, std::vector<Digest>& objects);

/// One bit for each of `all`, set if it is one of `some`, which are in the same order.
Buffer bits_of(std::span<const Digest> all, std::span<const Digest> some);
/// Throws CorruptError if these are not the bits of so many objects.
std::vector<Digest> chosen_by(Bytes bits, std::span<const Digest> all);

Buffer encode_records(std::span<const TravellingRecord> records);
std::vector<TravellingRecord> decode_records(Bytes bytes);

Buffer encode_error(const Error& error);
/// What it says is shortened and made one line: it comes from elsewhere.
Error decode_error(Bytes bytes, const std::string& from);

/// The stream of records inside kStream frames, up to kEnd. The channel is the caller's; `from`
/// names the other side in its errors.
RecordSource record_source(FrameChannel& channel, const std::string& from);
/// Writes pieces of it.
class RecordSink {
 public:
  explicit RecordSink(FrameChannel& channel) : channel_(channel) {}
  void write(Bytes piece);
  void finish();

 private:
  FrameChannel& channel_;
  Buffer frame_;
};

}  // namespace mgit
