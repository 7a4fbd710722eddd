// "Did you mean": which names are near a mistyped one.
#pragma once

#include <string>
#include <vector>

namespace mgit {

/// The nearest of `names` in the number of letters added, dropped, changed or swapped, if near
/// enough to be a slip; all of them if several are equally near. None: nothing is near.
std::vector<std::string> similar_names(const std::string& typed,
                                       const std::vector<std::string>& names);

}  // namespace mgit
