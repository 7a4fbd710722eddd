// Differences of checkpoints as Markdown, for a pull request.
#pragma once

#include <string>
#include <vector>

#include "workflow/diff/diff.h"

namespace mgit {

/// One checkpoint: a heading, counts, and a table of the tensors that differ, at most `most` of
/// them: those that changed most. Names are escaped.
std::string difference_markdown(const CheckpointDifference& difference, std::size_t most = 100);

/// The counts and the table alone.
std::string tensor_table(const std::vector<TensorDifference>& tensors, std::size_t most);

}  // namespace mgit
