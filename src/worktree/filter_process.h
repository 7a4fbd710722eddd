// git's long-running filter process (gitattributes(5), protocol version 2): checkpoints to
// manifests when git stores (clean), and back when git checks out (smudge).
#pragma once

#include <functional>

#include "mgit/workspace.h"

namespace mgit {

/// Serves git on `input` and `output` until it closes them. A file that cannot be filtered is
/// answered with an error status and one line on stderr; the others are served on. Objects are
/// durable before git sees their manifest. `open` is called at the first file.
///
/// A manifest whose objects are nowhere is answered as it is, with a warning; a damaged object is
/// an error.
void serve_filter(int input, int output, const std::function<Workspace()>& open);

}  // namespace mgit
