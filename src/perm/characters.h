// What the characters of a spec are.
#pragma once

#include <cstddef>

namespace mgit::speclang {

/// A capture takes no more.
constexpr std::size_t kMaxDigits = 9;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

/// Those of a group's name, but for captures.
constexpr bool is_group_name(char c) { return is_word(c) || c == '.'; }

}  // namespace mgit::speclang
