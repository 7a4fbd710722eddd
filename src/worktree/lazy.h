// Lazy clones (`mgit clone --lazy`, mgit.lazy in the configuration): what would have to be fetched
// stands in the working tree as its manifest until somebody asks for it. Commands that work on
// tensors fetch what they need, as in any clone.
#pragma once

#include <string>

#include "mgit/workspace.h"

namespace mgit {

bool is_lazy(const Repository& repository);

/// True if a checkpoint can be put in the place of its manifest: its objects are in the store, or
/// were fetched, which a lazy clone does not. Otherwise the manifest is to stay, which was said on
/// stderr. Throws what the fetcher throws.
bool ready_to_place(const Workspace& repository, const Manifest& manifest, const std::string& path);

}  // namespace mgit
