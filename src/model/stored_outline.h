// The outline of a checkpoint in the store: what its file says beside the elements of tensors.
#pragma once

#include <optional>

#include "format/outline.h"
#include "mgit/store.h"

namespace mgit {

/// Reads the layout and chunks, never a tensor. nullopt: the format has none, or its objects are
/// not here.
std::optional<Outline> stored_outline(const Store& store, const Manifest& manifest);

}  // namespace mgit
