#include "base/wire.h"

namespace mgit::wire {
namespace {

template <typename Integer>
void put_fixed(Buffer& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

template <typename Integer>
Integer fixed(Bytes bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    value |= static_cast<Integer>(static_cast<Integer>(bytes[i]) << (8 * i));
  return value;
}

}  // namespace

void put_u32(Buffer& out, std::uint32_t value) { put_fixed(out, value); }
void put_u64(Buffer& out, std::uint64_t value) { put_fixed(out, value); }

void put_varint(Buffer& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

void put_bytes(Buffer& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::uint8_t Reader::u8() { return static_cast<std::uint8_t>(take(1)[0]); }
std::uint32_t Reader::u32() { return fixed<std::uint32_t>(take(4)); }
std::uint64_t Reader::u64() { return fixed<std::uint64_t>(take(8)); }

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = u8();
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift > 0) throw Malformed("a number is not in its shortest form");
    return value;
  }
  throw Malformed("a number does not fit 64 bits");
}

Bytes Reader::take(std::uint64_t count) {
  if (count > rest_.size()) throw Malformed("it ends too early");
  const Bytes taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

}  // namespace mgit::wire
