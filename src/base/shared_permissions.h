// A directory that several users write to, as git's core.sharedRepository means it: what is made in
// it gets the permissions that they need, whatever the umask says.
#pragma once

#include <filesystem>

namespace mgit {

/// `bits`: what files get beside the umask's; `exact`: instead of them. Directories get the right
/// to be searched where they may be read, and hand on their group. For the life of the process, of
/// any thread; one directory, the last one named.
void share_directory(const std::filesystem::path& directory, unsigned bits, bool exact);

/// Of a file or directory that was just made: nothing happens outside of the shared directory, nor
/// to what belongs to another user.
void adjust_permissions(const std::filesystem::path& path) noexcept;

}  // namespace mgit
