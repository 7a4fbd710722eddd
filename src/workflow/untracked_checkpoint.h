// A checkpoint on its way into git itself, where it stays forever, whole.
#pragma once

#include <optional>
#include <string>

#include "mgit/git.h"

namespace mgit {

/// What to say about a file of the working tree that .gitattributes does not give to mgit: a line,
/// if it is large and in a checkpoint format.
std::optional<std::string> untracked_checkpoint(const Repository& repository,
                                                const std::string& path);

}  // namespace mgit
