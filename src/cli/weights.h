// --weight, as merge and its strategy understand it.
#pragma once

#include <string>
#include <vector>

namespace mgit::cli {

/// "0.3": theirs' share of two. "2,1,1": ours, then each branch. Throws UsageError.
std::vector<double> parse_weights(const std::string& text);

}  // namespace mgit::cli
