// Little-endian integers and varints, written to a Buffer and read with bounds.
//
// Value types for one thread. A varint is LEB128: seven bits a byte, low bits first, the top bit
// says that more follow; only the shortest form is accepted.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "mgit/base.h"

namespace mgit::wire {

void put_u32(Buffer& out, std::uint32_t value);
void put_u64(Buffer& out, std::uint64_t value);
void put_varint(Buffer& out, std::uint64_t value);
void put_bytes(Buffer& out, Bytes bytes);

/// What a Reader throws when bytes end too early or a varint is malformed. Callers turn it into a
/// CorruptError that says where.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads from bytes somebody else owns.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();
  Bytes take(std::uint64_t count);
  Bytes rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

}  // namespace mgit::wire
