// Small text helpers of this room.
#pragma once

#include <string>
#include <string_view>

namespace mgit {

/// `text` (nullptr: empty) in UTF-8, from the encoding a commit names; unchanged where there is
/// none, or where it cannot be converted.
std::string to_utf8(const char* text, const char* encoding);

/// Levenshtein's.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace mgit
