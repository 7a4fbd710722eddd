// The two sides of a diff: checkpoints in git, in the working tree, or not there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/diff/diff.h"

namespace mgit {

/// A checkpoint on one side: where it is and how it is read.
struct Side {
  std::optional<Manifest> manifest;
  std::unique_ptr<TensorSource> source;
  std::vector<ManifestChunk> chunks;
  std::optional<Outline> outline{};

  CheckpointSide view() const { return {source.get(), manifest ? &*manifest : nullptr}; }
};

/// The chunks that a checkpoint file is kept in outside its tensors, hashed.
std::vector<ManifestChunk> chunks_of(Bytes file, const ParsedCheckpoint& parsed);

/// The checkpoint that a line of `git diff --raw` names; a zero blob is the file in the working
/// tree. nullopt if there is no checkpoint, so that git has to show it.
std::optional<Side> side_of(const Workspace& repository, const std::string& mode, const Oid& blob,
                            const std::string& path);

}  // namespace mgit
