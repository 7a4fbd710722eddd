// Repositories that one may read and not write: a colleague's, one on a read-only mount. git hashes
// files there, too, to tell what has changed.
#pragma once

#include <filesystem>
#include <memory>

#include "mgit/git.h"
#include "mgit/store.h"

namespace mgit {

/// Neither git nor mgit can store anything here. Where only one of them cannot, writing has to
/// fail.
bool may_only_read(const Repository& repository);

/// A batch that names objects and keeps none. Its commit() does nothing.
std::unique_ptr<Store::Batch> naming_batch();

/// Where unnamed files may be made: in the store, or, where that is not to be written, in TMPDIR.
std::filesystem::path scratch_directory(const Repository& repository);

}  // namespace mgit
