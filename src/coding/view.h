// The view encoding: a base object and one gather per axis.
#pragma once

#include <optional>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

struct View {
  unsigned element_size = 1;
  Shape shape;
  std::vector<Gather> axes;  // one per axis; empty is the identity
};

/// The largest repeat for which gather[i*repeat + j] == p[i]*repeat + j for some p.
std::uint32_t block_size(const Gather& gather);

Buffer encode_view(const View& view);
/// Checks against the size of the object before anything large is allocated. Throws
/// wire::Malformed.
View decode_view(Bytes payload, std::uint64_t object_size, unsigned element_size);

/// A view of what `first` is a view of; nullopt if their shapes do not fit each other.
std::optional<View> compose(const View& first, const View& second);

}  // namespace mgit
