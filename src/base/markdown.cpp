#include "base/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace mgit {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The length of the character that begins the text; 0 if none does (RFC 3629).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  const unsigned char second = byte(1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

/// Characters that are not seen, or that change what is seen beside them: U+0080 to U+009F, U+061C,
/// U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF.
bool is_deceptive(std::string_view character) {
  if (character.size() == 2) {
    const auto second = static_cast<unsigned char>(character[1]);
    return (character[0] == '\xC2' && second < 0xA0) || character == "\xD8\x9C";
  }
  if (character.size() != 3) return false;
  if (character == "\xEF\xBB\xBF") return true;
  const auto third = static_cast<unsigned char>(character[2]);
  if (character.starts_with("\xE2\x80"))
    return (third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE);
  return character.starts_with("\xE2\x81") && third >= 0xA0 && third <= 0xAF;
}

/// What can be shown of a text. Line ends stay where `lines`, else they are blanks.
std::string shown(std::string_view text, bool lines) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    const auto first = static_cast<unsigned char>(character.front());
    if (length == 0 || is_deceptive(character))
      result += kReplacement;
    else if (lines && first == '\n')
      result += '\n';
    else if (first < 0x20 || first == 0x7F)
      result += first == '\t' || first == '\n' || first == '\r' ? ' ' : '?';
    else
      result += character;
    text.remove_prefix(character.size());
  }
  return result;
}

/// Numbers of characters stand for them and are never markup (CommonMark, "Entity and numeric
/// character references").
std::string numbered(std::string_view text) {
  std::string result;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x80 || std::isalnum(byte) != 0 || byte == ' ')
      result += each;
    else
      result += fmt::format("&#{};", byte);
  }
  return result;
}

}  // namespace

std::string markdown_code(std::string_view text, std::size_t most) {
  std::string plain = shown(text.substr(0, most), false);
  if (text.size() > most) plain += "…";
  // Within backticks all but these is literal, also in a table.
  const bool literal = !plain.empty() && plain.find_first_of("`|\\") == std::string::npos &&
                       plain.front() != ' ' && plain.back() != ' ';
  return literal ? "`" + plain + "`" : "<code>" + numbered(plain) + "</code>";
}

std::string markdown_block(std::string_view text, std::string_view language) {
  const std::string plain = shown(text, true);
  std::size_t longest = 2;
  for (std::size_t i = 0, run = 0; i < plain.size(); ++i) {
    run = plain[i] == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}{}\n{}{}{}\n", fence, language, plain, plain.ends_with('\n') ? "" : "\n",
                     fence);
}

std::string markdown_table(const std::vector<std::string>& header,
                           const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::string text = fmt::format("| {} |\n|", fmt::join(header, " | "));
  for (std::size_t i = 0; i < header.size(); ++i) text += i < left ? " --- |" : " ---: |";
  text += '\n';
  for (const auto& row : rows) text += fmt::format("| {} |\n", fmt::join(row, " | "));
  return text;
}

}  // namespace mgit
