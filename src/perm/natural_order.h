// The order people expect of numbered names: C2 before C11.
#pragma once

#include <string_view>

namespace mgit::speclang {

/// A strict total order: digits compare as numbers; names that differ only in leading zeros
/// bytewise.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace mgit::speclang
