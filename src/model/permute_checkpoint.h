// Storing a checkpoint permuted: every tensor that moves becomes a view of the original.
#pragma once

#include "mgit/perm.h"
#include "mgit/store.h"

namespace mgit {

/// The manifest of the permuted checkpoint; its objects are put into `batch`. The objects of
/// `manifest` are in `store`. Exact: bytes are moved, never computed with.
Manifest permute_checkpoint(const Store& store, Store::Batch& batch, const Manifest& manifest,
                            const Spec& spec, const Permutation& permutation);

}  // namespace mgit
