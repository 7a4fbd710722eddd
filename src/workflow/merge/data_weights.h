// The weights of a merge by how much data each side was trained on, as its trainers say
// (model/data_seen).
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// Where a side's model comes from.
struct ModelLine {
  Oid commit;
  std::string path;
};

struct DataWeights {
  std::vector<double> weights;  // by side
  std::string unit;             // what they count: "samples" or "tokens"
};

/// What the commits say that trained each side's model since the sides parted. What all sides hold
/// does not count; what some of them hold is divided between them. Throws Error where one of those
/// commits says nothing, something else than a count, or another unit than the others.
DataWeights weights_by_data(const Repository& repository, const std::vector<ModelLine>& sides);

}  // namespace mgit
