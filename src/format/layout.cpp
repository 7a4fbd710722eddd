#include <algorithm>

#include "format/wire.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kMagic = "mgit layout 1\n";

/// Tensors that occupy bytes, in the order of the file.
std::vector<std::size_t> file_order(const std::vector<StoredTensor>& tensors) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].length > 0) order.push_back(i);
  std::sort(order.begin(), order.end(), [&tensors](std::size_t a, std::size_t b) {
    return tensors[a].offset < tensors[b].offset;
  });
  return order;
}

void add_gap(Layout& layout, Bytes bytes) {
  if (bytes.empty()) return;
  layout.segments.push_back({Segment::Kind::kGap, bytes.size(), 0});
  wire::put_bytes(layout.gaps, bytes);
}

Segment read_segment(wire::Reader& reader) {
  Segment segment;
  const std::uint64_t tensor = reader.varint();
  segment.length = reader.varint();
  if (segment.length == 0) throw wire::Malformed("a segment is empty");
  if (tensor > 0) {
    segment.kind = Segment::Kind::kTensor;
    segment.tensor = tensor - 1;
  }
  return segment;
}

Layout read_layout(wire::Reader reader) {
  if (as_text(reader.take(kMagic.size())) != kMagic) throw wire::Malformed("not a layout");
  const std::uint64_t count = reader.varint();
  if (count > reader.rest().size() / 2) throw wire::Malformed("it ends too early");
  Layout layout;
  std::uint64_t total = 0;
  std::uint64_t gaps = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Segment segment = read_segment(reader);
    const bool gap = segment.kind == Segment::Kind::kGap;
    if (__builtin_add_overflow(total, segment.length, &total))
      throw wire::Malformed("lengths do not fit 64 bits");
    if (gap && i > 0 && layout.segments.back().kind == Segment::Kind::kGap)
      throw wire::Malformed("two gaps follow each other");
    if (gap) gaps += segment.length;
    layout.segments.push_back(segment);
  }
  if (reader.rest().size() != gaps) throw wire::Malformed("lengths of gaps do not add up");
  const Bytes rest = reader.rest();
  layout.gaps.assign(rest.begin(), rest.end());
  return layout;
}

}  // namespace

Layout make_layout(Bytes file, const ParsedCheckpoint& parsed) {
  Layout layout;
  std::uint64_t at = 0;
  for (const std::size_t index : file_order(parsed.tensors)) {
    const StoredTensor& tensor = parsed.tensors[index];
    add_gap(layout, file.subspan(at, tensor.offset - at));
    layout.segments.push_back({Segment::Kind::kTensor, tensor.length, index});
    at = tensor.offset + tensor.length;
  }
  add_gap(layout, file.subspan(at));
  return layout;
}

Buffer encode_layout(const Layout& layout) {
  Buffer out;
  wire::put_bytes(out, as_bytes(kMagic));
  wire::put_varint(out, layout.segments.size());
  for (const Segment& segment : layout.segments) {
    wire::put_varint(out, segment.kind == Segment::Kind::kGap ? 0 : segment.tensor + 1);
    wire::put_varint(out, segment.length);
  }
  wire::put_bytes(out, layout.gaps);
  return out;
}

Layout decode_layout(Bytes encoded, std::string_view where) {
  try {
    return read_layout(wire::Reader(encoded));
  } catch (const wire::Malformed& malformed) {
    throw CorruptError(std::string("damaged layout: ") + malformed.what(), std::string(where));
  }
}

}  // namespace mgit
