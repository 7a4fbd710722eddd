// git's lock on its index, held by mgit.
#pragma once

#include <filesystem>
#include <optional>

#include "base/os.h"
#include "base/temporary_name.h"

namespace mgit {

/// INDEX.lock, which keeps git and other mgits from writing the index while this lives. Gone with
/// this object, and when a signal ends the process; so is the copy. kill -9 leaves both; the next
/// of us takes them away, for the kernel tells whether their owner lives (flock), also in another
/// container. One thread.
class IndexLock {
 public:
  /// Throws Error if somebody else holds it, or it cannot be made; then nothing has changed.
  explicit IndexLock(const std::filesystem::path& index);

  /// A name beside the index for what will replace it; nothing is there yet.
  const std::filesystem::path& copy() const { return copy_.path(); }

 private:
  TemporaryName copy_;
  TemporaryName lock_of_copy_;  // of git, or libgit2, writing it
  os::File file_;
  std::optional<TemporaryName> name_;
};

}  // namespace mgit
