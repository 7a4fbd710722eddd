// The manifest: whatever parses is written back byte for byte.
#include "mgit/format.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  try {
    const Manifest manifest = parse_manifest(text, "fuzz");
    fuzz::require(looks_like_manifest(text), "it looks like a manifest");
    fuzz::require(manifest_text(manifest) == text, "one manifest has one text");
    for (const ManifestTensor& tensor : manifest.tensors) {
      fuzz::require(manifest.find(tensor.info.name) == &tensor, "every tensor is found");
      const auto bytes = byte_size(tensor.info.dtype, tensor.info.shape);
      fuzz::require(bytes && *bytes <= manifest.size, "no tensor is larger than the file");
      fuzz::require(storage_size(tensor) <= manifest.size, "no storage is larger than the file");
    }
    std::uint64_t left = manifest.size;
    for (const ManifestChunk& chunk : manifest.chunks) {
      fuzz::require(chunk.length > 0 && chunk.length <= left, "all chunks fit into the file");
      left -= chunk.length;
    }
  } catch (const CorruptError&) {
  }
  return 0;
}
