// Hexadecimal text of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mgit {

/// The value of a digit of either case; -1 for any other character.
int hex_value(char c);

/// Two lower-case digits for each byte.
std::string hex_text(std::span<const std::uint8_t> bytes);

/// Fills `out` from text of exactly its length; false (and `out` is unspecified) if it is anything
/// else.
bool parse_hex(std::string_view text, std::span<std::uint8_t> out);

}  // namespace mgit
