#include "format/protobuf.h"

namespace mgit::protobuf {
namespace {

constexpr std::uint64_t kMaximumNumber = (std::uint64_t{1} << 29) - 1;

}  // namespace

std::optional<Field> Reader::next() {
  if (reader_.done()) return std::nullopt;
  const std::uint64_t tag = reader_.varint();
  Field field;
  field.number = tag >> 3;
  field.type = static_cast<WireType>(tag & 7);
  if (field.number == 0 || field.number > kMaximumNumber)
    throw wire::Malformed("a field has no number");
  switch (field.type) {
    case WireType::kVarint:
      field.value = reader_.varint();
      return field;
    case WireType::kFixed64:
      field.bytes = reader_.take(8);
      return field;
    case WireType::kBytes:
      field.bytes = reader_.take(reader_.varint());
      return field;
    case WireType::kFixed32:
      field.bytes = reader_.take(4);
      return field;
  }
  throw wire::Malformed("a field is of no known type");
}

}  // namespace mgit::protobuf
