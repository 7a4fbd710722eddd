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

/// A tensor that is gone from one file and was added to another one of its folder becomes kMoved in
/// the first, and in the second kMoved, too, or kChanged with its numbers if its values changed on
/// the way. One that is in doubt (two files lost it, another shape, values that are not here) stays
/// as it is.
void mark_moves(const std::vector<ComparedFile>& files);

/// "resharded: 41 tensors moved, 0 changed" and a newline; empty if none moved.
std::string resharding_text(const std::vector<CheckpointDifference>& differences);

}  // namespace mgit
