// Small text helpers of this room.
#pragma once

#include <string>
#include <string_view>

namespace mgit {

/// `text` (nullptr: empty) in UTF-8, from the encoding a commit names; unchanged where there is
/// none, or where it cannot be converted.
std::string to_utf8(const char* text, const char* encoding);

/// What git says: the first line of its errors, without "fatal: ".
std::string first_words(const std::string& errors);

/// Levenshtein's.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// In single quotes, as one word of a shell's command line.
std::string shell_quoted(const std::string& text);

}  // namespace mgit
