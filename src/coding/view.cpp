#include "coding/view.h"

#include <numeric>

#include "base/wire.h"
#include "coding/frames.h"

namespace mgit {
namespace {

enum class BodyTag : std::uint8_t { kPlain = 0, kZstd = 1 };
enum class AxisTag : std::uint8_t { kIdentity = 0, kGather = 1 };

constexpr int kLevel = 3;
constexpr std::uint64_t kMaximumRank = 64;

unsigned index_width(std::uint64_t count) {
  return count <= 1U << 8 ? 1 : count <= 1U << 16 ? 2 : 4;
}

void encode_axis(const Gather& gather, Buffer& out) {
  if (is_identity(gather)) {
    out.push_back(static_cast<std::byte>(AxisTag::kIdentity));
    return;
  }
  out.push_back(static_cast<std::byte>(AxisTag::kGather));
  const std::uint32_t repeat = block_size(gather);
  wire::put_varint(out, repeat);
  const unsigned width = index_width(gather.size() / repeat);
  for (std::size_t i = 0; i < gather.size(); i += repeat)
    for (unsigned byte = 0; byte < width; ++byte)
      out.push_back(static_cast<std::byte>(gather[i] / repeat >> (8 * byte) & 0xff));
}

Gather decode_axis(wire::Reader& reader, std::uint64_t length) {
  const auto tag = static_cast<AxisTag>(reader.u8());
  if (tag == AxisTag::kIdentity) return {};
  if (tag != AxisTag::kGather) throw wire::Malformed("unknown gather");
  const std::uint64_t repeat = reader.varint();
  if (repeat == 0 || length % repeat != 0 || length > std::uint64_t{1} << 32)
    throw wire::Malformed("a gather does not fit its axis");
  const std::uint64_t count = length / repeat;
  const unsigned width = index_width(count);
  wire::Reader indices(reader.take(count * width));
  Gather gather;
  gather.reserve(length);
  while (!indices.done()) {
    std::uint64_t index = 0;
    for (unsigned byte = 0; byte < width; ++byte)
      index |= std::uint64_t{indices.u8()} << (8 * byte);
    if (index >= count) throw wire::Malformed("a gather points outside its axis");
    for (std::uint64_t j = 0; j < repeat; ++j)
      gather.push_back(static_cast<std::uint32_t>(index * repeat + j));
  }
  return gather;
}

View decode_body(wire::Reader reader, std::uint64_t object_size, unsigned element_size) {
  View view{element_size, {}, {}};
  const std::uint64_t rank = reader.varint();
  if (rank > kMaximumRank) throw wire::Malformed("too many axes");
  for (std::uint64_t i = 0; i < rank; ++i) view.shape.push_back(reader.varint());
  const auto count = element_count(view.shape);
  std::uint64_t bytes = 0;
  // A size above 0 also bounds every axis by it, and so what is allocated below.
  if (!count || __builtin_mul_overflow(*count, element_size, &bytes) || bytes != object_size ||
      bytes == 0)
    throw wire::Malformed("its shape does not have its size");
  for (const std::uint64_t length : view.shape) view.axes.push_back(decode_axis(reader, length));
  if (!reader.done()) throw wire::Malformed("it goes on after its end");
  return view;
}

}  // namespace

std::uint32_t block_size(const Gather& gather) {
  std::uint64_t size = gather.size();
  for (std::size_t i = 0; i < gather.size() && size > 1; ++i)
    if (i == 0 || gather[i] != gather[i - 1] + 1)
      size = std::gcd(size, std::gcd(std::uint64_t{i}, std::uint64_t{gather[i]}));
  return static_cast<std::uint32_t>(size);
}

Buffer encode_view(const View& view) {
  Buffer body;
  wire::put_varint(body, view.shape.size());
  for (const std::uint64_t length : view.shape) wire::put_varint(body, length);
  for (const Gather& gather : view.axes) encode_axis(gather, body);
  Buffer payload;
  const Buffer small = compress(body, kLevel);
  if (small.empty()) {
    payload.push_back(static_cast<std::byte>(BodyTag::kPlain));
    wire::put_bytes(payload, body);
    return payload;
  }
  payload.push_back(static_cast<std::byte>(BodyTag::kZstd));
  wire::put_varint(payload, body.size());
  wire::put_bytes(payload, small);
  return payload;
}

View decode_view(Bytes payload, std::uint64_t object_size, unsigned element_size) {
  wire::Reader reader(payload);
  const auto tag = static_cast<BodyTag>(reader.u8());
  if (tag == BodyTag::kPlain) return decode_body(reader, object_size, element_size);
  if (tag != BodyTag::kZstd) throw wire::Malformed("unknown coding of a view");
  const std::uint64_t size = reader.varint();
  // A view is only stored where it is smaller than the object, so this bounds the allocation.
  if (size > object_size) throw wire::Malformed("a view larger than its object");
  Buffer body(size);
  decompress(reader.rest(), body);
  return decode_body(wire::Reader(body), object_size, element_size);
}

std::optional<View> compose(const View& first, const View& second) {
  if (first.element_size != second.element_size || first.shape != second.shape) return std::nullopt;
  View result{first.element_size, first.shape, {}};
  for (std::size_t axis = 0; axis < first.axes.size(); ++axis)
    result.axes.push_back(compose(first.axes[axis], second.axes[axis]));
  return result;
}

}  // namespace mgit
