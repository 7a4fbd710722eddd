// Checkpoint files: from bytes to (layout, storages) and back; the manifest that git stores.
//
// A checkpoint file is cut into *storages* (the bytes of one tensor) and *gaps* (everything else:
// the header, padding). The gaps and the order of all segments make up the *layout*; manifest,
// layout and storages together give back the file, byte for byte, without a parser. docs/formats.md
// has both formats. Everything here is a pure function of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

/// A tensor and where its storage lies in the file.
struct StoredTensor {
  TensorInfo info;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What a parser found. `format` is "safetensors", or "whole" for a file no parser knows: then
/// `tensors` is one U8 tensor named "" that spans the file.
struct ParsedCheckpoint {
  std::string format;
  std::uint64_t size = 0;
  std::vector<StoredTensor> tensors;  // sorted by name, bytewise
};

/// Parses a file. `path` is used in messages, and for one decision: a file named *.safetensors
/// whose header is broken (truncated, overlapping or out-of-range offsets, duplicate keys, bad
/// JSON, huge length) is refused with CorruptError rather than kept whole.
ParsedCheckpoint parse_checkpoint(Bytes file, std::string_view path);

struct Segment {
  enum class Kind : std::uint8_t { kGap, kTensor };
  Kind kind = Kind::kGap;
  std::uint64_t length = 0;
  std::uint64_t tensor = 0;  // index into the manifest's tensors; unused for gaps
};

/// The order of the file's segments and the bytes of all gaps, concatenated. Refers to tensors by
/// their index in the manifest, so that checkpoints of one network share one layout object.
struct Layout {
  std::vector<Segment> segments;
  Buffer gaps;
};

Layout make_layout(Bytes file, const ParsedCheckpoint& parsed);
Buffer encode_layout(const Layout& layout);
/// Throws CorruptError; checks lengths and bounds. `where` names it in messages.
Layout decode_layout(Bytes encoded, std::string_view where);

struct ManifestTensor {
  TensorInfo info;
  Digest object;
  bool operator==(const ManifestTensor&) const = default;
};

struct Manifest {
  std::string format;
  std::uint64_t size = 0;
  Digest layout;
  std::vector<ManifestTensor> tensors;  // sorted by name, bytewise

  const ManifestTensor* find(std::string_view name) const;
  bool operator==(const Manifest&) const = default;
};

/// DESIGN: "mgit checkpoint 1", two lines per tensor, names quoted as git quotes paths. For format
/// "whole" the only tensor is written as a "bytes <length> <sha256>" line.
std::string manifest_text(const Manifest& manifest);
/// Throws CorruptError with the line number. Accepts exactly what manifest_text writes.
Manifest parse_manifest(std::string_view text, std::string_view where);
/// Quick look: does it start like a manifest?
bool looks_like_manifest(std::string_view text);

/// git's C-style quoting of paths, used for tensor names: unquoted if nothing needs it.
std::string quote_name(std::string_view name);

}  // namespace mgit
