#include "model/stored_outline.h"

#include <algorithm>

#include "base/zero_pages.h"

namespace mgit {
namespace {

/// The file with zeros in place of its tensors.
void lay_out(const Store& store, const Manifest& manifest, std::span<std::byte> file) {
  const Layout layout =
      decode_layout(store.read(manifest.layout), "layout " + manifest.layout.hex());
  check_layout(layout, manifest, "layout " + manifest.layout.hex());
  std::uint64_t at = 0;
  std::uint64_t gap = 0;
  for (const Segment& segment : layout.segments) {
    const auto place = file.subspan(at, segment.length);
    at += segment.length;
    if (segment.kind == Segment::Kind::kGap) {
      const Bytes from = Bytes(layout.gaps).subspan(gap, segment.length);
      std::copy(from.begin(), from.end(), place.begin());
      gap += segment.length;
    } else if (segment.tensor >= manifest.tensors.size()) {
      store.read_into(manifest.object_at(segment.tensor), place);
    }
  }
}

}  // namespace

std::optional<Outline> stored_outline(const Store& store, const Manifest& manifest) {
  if (!has_tensors(manifest)) return std::nullopt;
  try {
    const ZeroPages pages(manifest.size);
    lay_out(store, manifest, pages.bytes());
    return outline_of(pages.bytes(), manifest.format);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace mgit
