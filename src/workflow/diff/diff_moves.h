// Tensors that went from one file to another: a model dealt out to other shards.
#pragma once

#include <vector>

#include "workflow/diff/diff.h"

namespace mgit {

/// A difference with the sides it was made from.
struct ComparedFile {
  CheckpointDifference* difference = nullptr;
  CheckpointSide before;
  CheckpointSide after;
};

/// A tensor that is gone from one file and was added, the same, to another one of its folder
/// becomes kMoved in both. One that is in doubt (two files lost it, or its bytes differ) stays as
/// it is.
void mark_moves(const std::vector<ComparedFile>& files);

}  // namespace mgit
