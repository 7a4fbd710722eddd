// What a user types to name a model: a revision and a path, git's REV:PATH, or a path alone.
#pragma once

#include <string>

#include "mgit/git.h"

namespace mgit::cli {

struct ModelArgument {
  std::string revision;
  std::string path;  // from the top of the working tree; empty: all models
};

/// `path` may be relative to the current directory or to the top. A `revision` that is none, but
/// names a checkpoint, is read as REV:PATH or as a path in HEAD.
ModelArgument model_argument(const Repository& repository, const std::string& revision,
                             const std::string& path);

}  // namespace mgit::cli
