#include "checkpoint_checks.h"

#include <algorithm>

#include "format/outline.h"
#include "fuzz.h"

namespace mgit::fuzz {
namespace {

StoredChunk stored_at(const ParsedCheckpoint& parsed, std::uint64_t index) {
  const std::size_t tensors = parsed.tensors.size();
  if (index < tensors) return {parsed.tensors[index].offset, parsed.tensors[index].length};
  require(index - tensors < parsed.chunks.size(), "a segment names a tensor or a chunk");
  return parsed.chunks[index - tensors];
}

Buffer put_together(Bytes file, const ParsedCheckpoint& parsed, const Layout& layout) {
  Buffer result;
  Bytes gaps(layout.gaps);
  for (const Segment& segment : layout.segments) {
    Bytes piece;
    if (segment.kind == Segment::Kind::kGap) {
      require(segment.length <= gaps.size(), "the layout holds the bytes of its gaps");
      piece = gaps.first(segment.length);
      gaps = gaps.subspan(segment.length);
    } else {
      const StoredChunk stored = stored_at(parsed, segment.tensor);
      require(segment.length == stored.length, "a segment has the length of what it names");
      piece = file.subspan(stored.offset, stored.length);
    }
    result.insert(result.end(), piece.begin(), piece.end());
  }
  require(gaps.empty(), "no byte of a gap is left over");
  return result;
}

Manifest manifest_of(Bytes file, const ParsedCheckpoint& parsed, Bytes layout) {
  Manifest manifest{parsed.format, parsed.size, sha256(layout), {}, {}};
  for (const StoredTensor& tensor : parsed.tensors)
    manifest.tensors.push_back(
        {tensor.info, sha256(file.subspan(tensor.offset, tensor.length)), tensor.placement});
  for (const StoredChunk& chunk : parsed.chunks)
    manifest.chunks.push_back({chunk.length, sha256(file.subspan(chunk.offset, chunk.length))});
  return manifest;
}

}  // namespace

void check_parsed(Bytes file, const ParsedCheckpoint& parsed) {
  require(parsed.size == file.size(), "the size is the file's");
  for (std::size_t i = 0; i < parsed.tensors.size(); ++i) {
    const StoredTensor& tensor = parsed.tensors[i];
    require(i == 0 || parsed.tensors[i - 1].info.name < tensor.info.name, "names are in order");
    require(tensor.offset <= file.size() && tensor.length <= file.size() - tensor.offset,
            "a storage lies in the file");
    require(storage_size({tensor.info, {}, tensor.placement}) == tensor.length,
            "dtype, shape and place say the length");
  }
  const Layout layout = make_layout(file, parsed);
  require(std::ranges::equal(put_together(file, parsed, layout), file),
          "layout and storages give back the file");
  const Buffer encoded = encode_layout(layout);
  require(encode_layout(decode_layout(encoded, "fuzz")) == encoded,
          "the layout comes back from its encoding");
  const Manifest manifest = manifest_of(file, parsed, encoded);
  check_layout(layout, manifest, "fuzz");
  require(parse_manifest(manifest_text(manifest), "fuzz") == manifest,
          "the manifest comes back from its text");
  if (const auto outline = outline_of(file, parsed.format))
    for (const OutlineTensor& tensor : outline->tensors)
      require(manifest.find(tensor.name) != nullptr, "the outline lists tensors of the manifest");
}

}  // namespace mgit::fuzz
