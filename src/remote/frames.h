// Messages of the protocol of `mgit serve` (docs/protocol.md), cut into frames.
//
// For one thread. What comes from the other side is bounded before memory is asked for.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "mgit/base.h"

namespace mgit {

enum class FrameType : std::uint8_t {
  kObjects = 'o',  // a part of a list of objects
  kKeep = 'k',     // requests about that list …
  kLacking = 'l',
  kRecordsOf = 'p',
  kGet = 'g',
  kSend = 's',
  kBits = 'b',  // … and answers
  kRecords = 't',
  kStream = 'r',  // records as they are stored
  kEnd = 'e',
  kDone = 'd',
  kError = 'x',
};

constexpr std::size_t kLargestFrame = std::size_t{1} << 20;

struct Frame {
  FrameType type{};
  Buffer payload;
};

/// The other side does not read or write any more.
class ConnectionLost : public Error {
 public:
  using Error::Error;
};

/// Both directions of a connection.
struct ByteChannel {
  std::function<std::size_t(std::span<std::byte>)> read;  // what has come; 0 at the end
  std::function<bool(Bytes)> write;                       // false if nobody reads any more
};

class FrameChannel {
 public:
  explicit FrameChannel(ByteChannel bytes);

  /// Throws ConnectionLost. What is sent may wait in memory until flush() or receive().
  void send(FrameType type, Bytes payload = {});
  /// As frames of one type, none of them empty.
  void send_long(FrameType type, Bytes payload);
  void flush();

  /// The next frame; nullopt if the other side has ended the connection before it. Throws
  /// CorruptError for what is no frame, ConnectionLost where one ends too early.
  std::optional<Frame> receive();
  /// Exactly so many bytes that are no frame. Fewer at the end of the connection.
  Buffer receive_raw(std::size_t count);
  void send_raw(Bytes bytes);

 private:
  std::size_t fill(std::span<std::byte> out);

  ByteChannel bytes_;
  Buffer out_;
};

}  // namespace mgit
