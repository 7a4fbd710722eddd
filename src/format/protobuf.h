// The wire format of protocol buffers: fields, one after another, read with bounds.
//
// https://protobuf.dev/programming-guides/encoding. Groups, long out of use, are refused. Value
// types for one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/wire.h"

namespace mgit::protobuf {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // of a varint
  Bytes bytes;              // of everything else
};

/// Reads one message, whose bytes somebody else owns.
class Reader {
 public:
  explicit Reader(Bytes message) : reader_(message) {}
  /// nullopt at the end of the message; throws wire::Malformed.
  std::optional<Field> next();

 private:
  wire::Reader reader_;
};

}  // namespace mgit::protobuf
