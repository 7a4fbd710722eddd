#include <algorithm>
#include <unordered_set>

#include "base/wire.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kLayoutMagic = "mgit layout 1\n";

struct Place {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t index = 0;  // as in Segment::tensor
};

/// Tensors and chunks that occupy bytes, in the order of the file; tensors of one storage follow
/// each other.
std::vector<Place> file_order(const ParsedCheckpoint& parsed) {
  std::vector<Place> order;
  for (std::size_t i = 0; i < parsed.tensors.size(); ++i)
    if (parsed.tensors[i].length > 0)
      order.push_back({parsed.tensors[i].offset, parsed.tensors[i].length, i});
  for (std::size_t i = 0; i < parsed.chunks.size(); ++i)
    order.push_back({parsed.chunks[i].offset, parsed.chunks[i].length, parsed.tensors.size() + i});
  std::stable_sort(order.begin(), order.end(),
                   [](const Place& a, const Place& b) { return a.offset < b.offset; });
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
  if (tensor > 0) {
    segment.kind = Segment::Kind::kTensor;
    segment.tensor = tensor - 1;
  }
  return segment;
}

/// A tensor of length 0 lies in the storage of the segment before.
void add_shared(Layout& layout, const Segment& segment) {
  if (layout.segments.empty() || segment.kind == Segment::Kind::kGap ||
      layout.segments.back().kind == Segment::Kind::kGap)
    throw wire::Malformed("a segment is empty");
  const std::uint64_t with = layout.segments.back().tensor;
  const bool first = layout.shared.empty() || layout.shared.back().with != with;
  if (segment.tensor <= (first ? with : layout.shared.back().tensor))
    throw wire::Malformed("tensors of one storage are not in order");
  layout.shared.push_back({segment.tensor, with});
}

Layout read_layout(wire::Reader reader) {
  if (as_text(reader.take(kLayoutMagic.size())) != kLayoutMagic)
    throw wire::Malformed("not a layout");
  const std::uint64_t count = reader.varint();
  if (count > reader.rest().size() / 2) throw wire::Malformed("it ends too early");
  Layout layout;
  std::unordered_set<std::uint64_t> tensors;
  std::uint64_t total = 0;
  std::uint64_t gaps = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Segment segment = read_segment(reader);
    if (segment.kind == Segment::Kind::kTensor && !tensors.insert(segment.tensor).second)
      throw wire::Malformed("a tensor has two places");
    if (segment.length == 0) {
      add_shared(layout, segment);
      continue;
    }
    const bool gap = segment.kind == Segment::Kind::kGap;
    if (__builtin_add_overflow(total, segment.length, &total))
      throw wire::Malformed("lengths do not fit 64 bits");
    if (gap && !layout.segments.empty() && layout.segments.back().kind == Segment::Kind::kGap)
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
  for (const Place& place : file_order(parsed)) {
    if (place.offset < at) {
      layout.shared.push_back({place.index, layout.segments.back().tensor});
      continue;
    }
    add_gap(layout, file.subspan(at, place.offset - at));
    layout.segments.push_back({Segment::Kind::kTensor, place.length, place.index});
    at = place.offset + place.length;
  }
  add_gap(layout, file.subspan(at));
  return layout;
}

Buffer encode_layout(const Layout& layout) {
  Buffer out;
  wire::put_bytes(out, as_bytes(kLayoutMagic));
  wire::put_varint(out, layout.segments.size() + layout.shared.size());
  auto shared = layout.shared.begin();
  for (const Segment& segment : layout.segments) {
    const bool gap = segment.kind == Segment::Kind::kGap;
    wire::put_varint(out, gap ? 0 : segment.tensor + 1);
    wire::put_varint(out, segment.length);
    for (; !gap && shared != layout.shared.end() && shared->with == segment.tensor; ++shared) {
      wire::put_varint(out, shared->tensor + 1);
      wire::put_varint(out, 0);
    }
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

void check_layout(const Layout& layout, const Manifest& manifest, std::string_view where) {
  const auto fail = [where](const std::string& reason) {
    throw CorruptError(reason, std::string(where));
  };
  const std::size_t tensors = manifest.tensors.size();
  const auto name = [&](std::uint64_t index) {
    return index < tensors ? "tensor " + quote_name(manifest.tensors[index].info.name)
                           : "chunk " + std::to_string(index - tensors + 1);
  };
  const auto length_of = [&](std::uint64_t index) {
    return index < tensors ? storage_size(manifest.tensors[index])
                           : manifest.chunks[index - tensors].length;
  };
  std::vector<bool> placed(tensors + manifest.chunks.size());
  const auto place = [&](std::uint64_t index, std::uint64_t length) {
    if (index >= placed.size()) fail("damaged layout: it names a tensor that the manifest lacks");
    if (length_of(index) != length || placed[index])
      fail("layout and manifest do not agree about " + name(index));
    placed[index] = true;
  };
  std::uint64_t total = 0;
  for (const Segment& segment : layout.segments) {
    total += segment.length;
    if (segment.kind == Segment::Kind::kTensor) place(segment.tensor, segment.length);
  }
  if (total != manifest.size) fail("layout and manifest do not agree about the file's size");
  for (const SharedStorage& shared : layout.shared) {
    if (shared.with >= tensors) fail("damaged layout: a tensor shares the bytes of a chunk");
    place(shared.tensor, length_of(shared.with));
    if (shared.tensor >= tensors ||
        manifest.tensors[shared.tensor].object != manifest.tensors[shared.with].object)
      fail("layout and manifest do not agree about " + name(shared.tensor));
  }
  for (std::size_t i = 0; i < placed.size(); ++i)
    if (!placed[i] && length_of(i) > 0) fail("damaged layout: no place for " + name(i));
}

}  // namespace mgit
