// Checkpoint files: from bytes to (layout, storages) and back; the manifest that git stores.
//
// A checkpoint file is cut into *storages* (the bytes of one tensor) and *gaps* (everything else:
// the header, padding). The gaps and the order of all segments make up the *layout*; large gaps,
// and files that no parser knows, are cut by their content into *chunks* first, objects like
// storages. Manifest, layout and objects together give back the file, byte for byte, without a
// parser. docs/formats.md has both formats. Everything here is a pure function of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

/// A tensor and where its storage lies in the file. Tensors with one storage (tied weights) have
/// the same offset and length; other storages do not overlap.
struct StoredTensor {
  TensorInfo info;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::optional<Placement> placement{};  // unless it fills the storage in C order
};

/// A piece of the file that belongs to no tensor and is too large for the layout.
struct StoredChunk {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What a parser found. `format` is one of is_known_format(), "whole" for a file no parser knows:
/// then there are no tensors, and the chunks span the file.
struct ParsedCheckpoint {
  std::string format;
  std::uint64_t size = 0;
  std::vector<StoredTensor> tensors;  // sorted by name, bytewise
  std::vector<StoredChunk> chunks{};  // in the order of the file
};

/// Parses a file. `path` is used in messages, and for one decision: a file named *.safetensors
/// whose header is broken (truncated, overlapping or out-of-range offsets, duplicate keys, bad
/// JSON, huge length) is refused with CorruptError rather than kept whole.
ParsedCheckpoint parse_checkpoint(Bytes file, std::string_view path);

/// Formats of manifests.
bool is_known_format(std::string_view format);
/// Those whose tensors are the weights of a network: what is rebased, merged and evaluated.
bool is_model_format(std::string_view format);

struct Segment {
  enum class Kind : std::uint8_t { kGap, kTensor };
  Kind kind = Kind::kGap;
  std::uint64_t length = 0;
  std::uint64_t tensor = 0;  // the manifest's tensors are counted first, then its chunks
};

/// A tensor that lies in the storage of another one, which has a segment.
struct SharedStorage {
  std::uint64_t tensor = 0;
  std::uint64_t with = 0;
};

/// The order of the file's segments and the bytes of all gaps, concatenated. Refers to tensors by
/// their index in the manifest, so that checkpoints of one network share one layout object.
struct Layout {
  std::vector<Segment> segments;
  Buffer gaps;
  std::vector<SharedStorage> shared{};  // in the order of the segments, then of the tensors
};

Layout make_layout(Bytes file, const ParsedCheckpoint& parsed);
Buffer encode_layout(const Layout& layout);
/// Throws CorruptError; checks lengths and bounds. `where` names it in messages.
Layout decode_layout(Bytes encoded, std::string_view where);

struct ManifestTensor {
  TensorInfo info;
  Digest object;                         // of its storage
  std::optional<Placement> placement{};  // unless it fills the storage in C order
  bool operator==(const ManifestTensor&) const = default;
};

struct ManifestChunk {
  std::uint64_t length = 0;
  Digest object;
  bool operator==(const ManifestChunk&) const = default;
};

struct Manifest {
  std::string format;
  std::uint64_t size = 0;
  Digest layout;
  std::vector<ManifestTensor> tensors;  // sorted by name, bytewise
  std::vector<ManifestChunk> chunks{};  // in the order of the file

  const ManifestTensor* find(std::string_view name) const;
  /// The object of a segment's tensor or chunk, `index` being Segment::tensor; in range.
  const Digest& object_at(std::uint64_t index) const;
  bool operator==(const Manifest&) const = default;
};

/// Bytes of the storage that the tensor lies in; 0 for a tensor without elements.
std::uint64_t storage_size(const ManifestTensor& tensor);
/// Layout and manifest come from different hands: throws CorruptError unless they describe one
/// file.
void check_layout(const Layout& layout, const Manifest& manifest, std::string_view where);

/// Whether it is a model: of a format whose tensors are weights, and there are any.
bool has_tensors(const Manifest& manifest);

/// DESIGN: "mgit checkpoint 1", two lines per tensor, names quoted as git quotes paths, then a line
/// "bytes <length> <sha256>" per chunk.
std::string manifest_text(const Manifest& manifest);
/// Throws CorruptError with the line number. Accepts exactly what manifest_text writes.
Manifest parse_manifest(std::string_view text, std::string_view where);
/// Quick look: does it start like a manifest?
bool looks_like_manifest(std::string_view text);

/// git's C-style quoting of paths, used for tensor names: unquoted if nothing needs it.
std::string quote_name(std::string_view name);

}  // namespace mgit
