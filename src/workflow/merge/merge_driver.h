// The merge driver: one checkpoint, three manifests, as cherry-pick, rebase, stash and `merge -s
// ort` ask for it. Tensor by tensor; never arithmetic: a pick applies a change, it does not combine
// tips.
#pragma once

#include <filesystem>
#include <string>

#include "mgit/workspace.h"

namespace mgit {

/// Writes the merged manifest over `ours`. Returns false (and leaves ours) if a tensor changed on
/// both sides, or a side is no manifest, a damaged one, or one without its objects; `conflict` then
/// says which. A container with checksums of its contents is written
/// anew (into the store) where each side changed other tensors.
bool merge_manifests(Workspace& repository, const std::filesystem::path& base,
                     const std::filesystem::path& ours, const std::filesystem::path& theirs,
                     const std::string& path, std::string& conflict);

}  // namespace mgit
