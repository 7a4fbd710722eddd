// A command line in git's manner, made plain for the parser: what git's parse-options accepts
// (--no-ed for --no-edit, -qv, -mtext, --log=5, options after arguments), mgit accepts too.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"

namespace mgit::cli {

/// mgit's own options with full names, then "--" and the arguments. git's go to
/// options.git_words(). Throws UsageError for an option that neither has, with the one meant.
std::vector<std::string> sort_arguments(const Options& options,
                                        const std::vector<std::string>& arguments);

}  // namespace mgit::cli
