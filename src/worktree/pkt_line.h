// git's packet format: four hex digits of length, then the payload; "0000" is a flush packet.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mgit/base.h"

namespace mgit {

/// Reads packets from a descriptor it does not own. Throws Error on a malformed packet or when the
/// stream ends inside one.
class PacketReader {
 public:
  explicit PacketReader(int fd) : fd_(fd) {}

  enum class Kind { kData, kFlush, kEnd };
  /// The payload is valid until the next call. kEnd: the stream ended between packets.
  Kind next(std::string_view& payload);
  /// Text lines (without their newline) up to a flush packet; nullopt if the stream ends first.
  std::optional<std::vector<std::string>> lines();

 private:
  /// False if the stream ended before the first byte.
  bool fill(std::size_t wanted);

  int fd_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// Writes packets to a descriptor it does not own. Throws Error when the reader is gone.
class PacketWriter {
 public:
  explicit PacketWriter(int fd) : fd_(fd) {}

  /// One packet with a newline added.
  void line(std::string_view text);
  /// As many packets as needed.
  void data(Bytes content);
  void flush();

 private:
  void packet(Bytes payload, std::string_view tail);

  int fd_;
};

}  // namespace mgit
