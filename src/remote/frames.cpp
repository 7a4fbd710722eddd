#include "remote/frames.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/wire.h"

namespace mgit {
namespace {

constexpr std::string_view kTypes = "oklpgsbtredx";
constexpr std::size_t kHeader = 5;

}  // namespace

FrameChannel::FrameChannel(ByteChannel bytes) : bytes_(std::move(bytes)) {
  out_.reserve(kLargestFrame + kHeader);
}

void FrameChannel::send_raw(Bytes bytes) {
  if (out_.size() + bytes.size() > kLargestFrame + kHeader) flush();
  wire::put_bytes(out_, bytes);
}

void FrameChannel::send(FrameType type, Bytes payload) {
  Buffer header{static_cast<std::byte>(type)};
  wire::put_u32(header, static_cast<std::uint32_t>(payload.size()));
  if (out_.size() + kHeader + payload.size() > kLargestFrame + kHeader) flush();
  wire::put_bytes(out_, header);
  wire::put_bytes(out_, payload);
}

void FrameChannel::send_long(FrameType type, Bytes payload) {
  while (!payload.empty()) {
    const Bytes piece = payload.first(std::min(payload.size(), kLargestFrame));
    send(type, piece);
    payload = payload.subspan(piece.size());
  }
}

void FrameChannel::flush() {
  if (out_.empty()) return;
  const bool taken = bytes_.write(out_);
  out_.clear();
  if (!taken) throw ConnectionLost("the connection ended too early");
}

std::size_t FrameChannel::fill(std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::size_t count = bytes_.read(out.subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

Buffer FrameChannel::receive_raw(std::size_t count) {
  flush();
  Buffer bytes(count);
  bytes.resize(fill(bytes));
  return bytes;
}

std::optional<Frame> FrameChannel::receive() {
  flush();
  std::array<std::byte, kHeader> header{};
  const std::size_t count = fill(header);
  if (count == 0) return std::nullopt;
  if (count < kHeader) throw ConnectionLost("the connection ended too early");
  wire::Reader reader(header);
  const char type = static_cast<char>(reader.u8());
  const std::uint32_t size = reader.u32();
  if (kTypes.find(type) == std::string_view::npos || size > kLargestFrame)
    throw CorruptError("what arrived is not mgit's protocol");
  Frame frame{static_cast<FrameType>(type), Buffer(size)};
  if (fill(frame.payload) < size) throw ConnectionLost("the connection ended too early");
  return frame;
}

}  // namespace mgit
