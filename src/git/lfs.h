// Git LFS as far as mgit needs it: its pointers, and where it keeps objects. The specification is
// docs/spec.md of git-lfs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "mgit/git.h"

namespace mgit {

struct LfsPointer {
  Digest object;
  std::uint64_t size = 0;
};

/// No pointer is larger.
constexpr std::uint64_t kLargestLfsPointer = 1024;

/// nullopt if the text is not a pointer (version, then sorted keys; extensions are refused).
std::optional<LfsPointer> parse_lfs_pointer(std::string_view text);
/// As git-lfs writes it.
std::string lfs_pointer_text(const LfsPointer& pointer);

/// The directory of LFS objects: lfs.storage, else lfs below the common directory.
std::filesystem::path lfs_objects(const Repository& repository);
/// Where an object lies below it.
std::filesystem::path lfs_path(const std::filesystem::path& objects, const Digest& object);

}  // namespace mgit
