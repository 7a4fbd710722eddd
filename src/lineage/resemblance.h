// Do two checkpoints look like one training? A quick answer from a sample of their weights.
#pragma once

#include <optional>

#include "lineage/database.h"
#include "mgit/store.h"

namespace mgit {

/// Independent networks have a cosine near 0, a network trained on from another one well above 0.5
/// (DESIGN section 7).
enum class Resemblance : std::uint8_t { kUnknown, kSameTraining, kOtherTraining };

/// Looks at the smallest weight tensors that are large enough to tell, a few MiB at most. A
/// function of the two checkpoints; kUnknown if they have none in common, if their objects are not
/// in the store, or if the cosine lies between the two cases.
Resemblance resemblance(Database& database, const Store& store, const Digest& older,
                        const Digest& newer);

}  // namespace mgit
