// The shipped families: the text of specs/*.perm, built into the library by
// embed_families.cmake.
#pragma once

#include <string_view>
#include <vector>

namespace mgit::speclang {

struct Family {
  std::string_view name;  // of the file
  std::string_view text;
};

/// Sorted by name.
const std::vector<Family>& families();

}  // namespace mgit::speclang
