// Where the objects of a checkpoint's file lie, from its manifest.
#pragma once

#include "mgit/store.h"

namespace mgit {

/// The layout of a manifest's file. Layout and manifest come from different hands: throws
/// CorruptError unless they describe the same file, MissingError if the layout is not here.
Layout checked_layout(const Store& store, const Manifest& manifest);

}  // namespace mgit
