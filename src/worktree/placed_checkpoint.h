// A checkpoint into the working tree, in the place of its manifest.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>

#include "mgit/store.h"

namespace mgit {

/// Replaces `file`, whose permissions it takes over, by the manifest's checkpoint: written beside
/// it without a name, verified, then moved there in one step. After an exception `file` is as it
/// was. Returns its new stat data, for the index; a large file's time is set back by a second, so
/// that git need not read it again to be sure that the index knows it.
///
/// `twin` may name a file that has the same content: on a file system with reflinks both share
/// their blocks then. What they hold is verified like everything else.
struct stat place_checkpoint(const Store& store, const Manifest& manifest,
                             const std::filesystem::path& file,
                             const std::function<void(std::uint64_t)>& progress = {},
                             const std::filesystem::path& twin = {});

}  // namespace mgit
