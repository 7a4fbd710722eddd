#include "store/record_reader.h"

#include <algorithm>
#include <array>

namespace mgit {
namespace {

constexpr std::size_t kPieceSize = std::size_t{1} << 18;

[[noreturn]] void fail(const char* what) { throw CorruptError(what, "a stream of objects"); }

}  // namespace

RecordReader::RecordReader(const RecordSource& source) : source_(source), piece_(kPieceSize) {}

std::size_t RecordReader::fill(std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::size_t count = source_(out.subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

std::optional<RecordHeader> RecordReader::next() {
  payload([](Bytes) {});
  std::array<std::byte, kRecordHeaderSize> bytes{};
  const std::size_t count = fill(bytes);
  if (count == 0) return std::nullopt;
  if (count < bytes.size()) fail("it ends too early");
  const auto header = decode_header(bytes);
  if (!header) fail("what arrived is no record of an object");
  left_ = header->payload;
  return header;
}

void RecordReader::payload(const std::function<void(Bytes)>& sink) {
  while (left_ > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_.size()));
    const std::size_t count = source_(std::span(piece_).first(wanted));
    if (count == 0) fail("it ends too early");
    left_ -= count;
    sink(Bytes(piece_).first(count));
  }
}

}  // namespace mgit
