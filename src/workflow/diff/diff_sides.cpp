#include "workflow/diff/diff_sides.h"

#include "base/mapped_file.h"
#include "base/threads.h"
#include "mgit/store.h"
#include "model/stored_outline.h"

namespace mgit {
namespace {

Side side_of_manifest(const Workspace& repository, const std::string& text,
                      const std::string& path) {
  Side side;
  side.manifest = parse_manifest(text, path);
  side.source = std::make_unique<StoredModel>(repository.store(), *side.manifest);
  side.chunks = side.manifest->chunks;
  side.outline = stored_outline(repository.store(), *side.manifest);
  return side;
}

}  // namespace

std::vector<ManifestChunk> chunks_of(Bytes file, const ParsedCheckpoint& parsed) {
  std::vector<ManifestChunk> chunks(parsed.chunks.size());
  parallel_for(chunks.size(), [&](std::size_t i) {
    const StoredChunk& chunk = parsed.chunks[i];
    chunks[i] = {chunk.length, sha256(file.subspan(chunk.offset, chunk.length))};
  });
  return chunks;
}

std::optional<Side> side_of(const Workspace& repository, const std::string& mode, const Oid& blob,
                            const std::string& path) {
  if (mode == "000000") return Side{{}, std::make_unique<MemoryModel>(), {}};
  if (!mode.starts_with("100")) return std::nullopt;
  if (blob != Oid{}) {
    const std::string text = repository.blob(blob);
    if (!looks_like_manifest(text)) return std::nullopt;
    return side_of_manifest(repository, text, path);
  }
  const std::filesystem::path file = repository.work_dir() / path;
  const MappedFile mapped(file);
  if (looks_like_manifest(as_text(mapped.bytes())))
    return side_of_manifest(repository, std::string(as_text(mapped.bytes())), path);
  const ParsedCheckpoint parsed = parse_checkpoint(mapped.bytes(), path);
  return Side{{},
              open_checkpoint_file(file),
              chunks_of(mapped.bytes(), parsed),
              outline_of(mapped.bytes(), parsed.format)};
}

}  // namespace mgit
