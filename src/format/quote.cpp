#include "format/quote.h"

#include <algorithm>

#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kEscaped = "\a\b\t\n\v\f\r\"\\";
constexpr std::string_view kLetters = "abtnvfr\"\\";

bool needs_quoting(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte < 0x20 || byte >= 0x7f || character == '"' || character == '\\';
}

void quote_character(char character, std::string& out) {
  if (!needs_quoting(character)) {
    out += character;
    return;
  }
  out += '\\';
  if (const auto escape = kEscaped.find(character); escape != std::string_view::npos) {
    out += kLetters[escape];
    return;
  }
  const auto byte = static_cast<unsigned char>(character);
  for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (byte >> shift & 7));
}

/// Reads three octal digits from the front of `text`.
std::optional<char> octal(std::string_view text) {
  if (text.size() < 3 || text[0] > '3') return std::nullopt;
  unsigned value = 0;
  for (const char digit : text.substr(0, 3)) {
    if (digit < '0' || digit > '7') return std::nullopt;
    value = value * 8 + static_cast<unsigned>(digit - '0');
  }
  return static_cast<char>(value);
}

std::optional<std::string> unescape(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const char character = text.front();
    text.remove_prefix(1);
    if (character != '\\') {
      name += character;
      continue;
    }
    if (text.empty()) return std::nullopt;
    if (const auto letter = kLetters.find(text.front()); letter != std::string_view::npos) {
      name += kEscaped[letter];
      text.remove_prefix(1);
    } else if (const auto byte = octal(text)) {
      name += *byte;
      text.remove_prefix(3);
    } else {
      return std::nullopt;
    }
  }
  return name;
}

}  // namespace

std::string quote_name(std::string_view name) {
  if (!name.empty() && std::none_of(name.begin(), name.end(), needs_quoting))
    return std::string(name);
  std::string quoted = "\"";
  for (const char character : name) quote_character(character, quoted);
  return quoted + '"';
}

std::optional<std::string> unquote_name(std::string_view text) {
  std::optional<std::string> name;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    name = unescape(text.substr(1, text.size() - 2));
  else
    name = text;
  if (!name || quote_name(*name) != text) return std::nullopt;
  return name;
}

}  // namespace mgit
