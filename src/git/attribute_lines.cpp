#include "git/attribute_lines.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace mgit {
namespace {

constexpr std::string_view kAttributes = " filter=mgit diff=mgit merge=mgit -text";
constexpr std::array<std::string_view, 3> kDrivers{"filter", "diff", "merge"};

/// In a quoted pattern, as git's C-style quoting has them.
struct Escape {
  char character;
  char letter;
};
constexpr std::array<Escape, 9> kEscapes{{{'"', '"'},
                                          {'\\', '\\'},
                                          {'\n', 'n'},
                                          {'\r', 'r'},
                                          {'\t', 't'},
                                          {'\a', 'a'},
                                          {'\b', 'b'},
                                          {'\f', 'f'},
                                          {'\v', 'v'}}};

struct QuotedPattern {
  std::string pattern;
  std::size_t length = 0;  // of its text, quotes included
};

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// nullopt for a line that does not begin with a whole quoted pattern: git takes its text as it is.
std::optional<QuotedPattern> unquoted_pattern(std::string_view line) {
  if (!line.starts_with('"')) return std::nullopt;
  QuotedPattern result;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] == '"') {
      result.length = at + 1;
      return result;
    }
    if (line[at] != '\\') {
      result.pattern += line[at];
      continue;
    }
    if (++at == line.size()) return std::nullopt;
    const auto* const escape = std::ranges::find(kEscapes, line[at], &Escape::letter);
    if (escape != kEscapes.end()) {
      result.pattern += escape->character;
    } else if (at + 2 < line.size() && line[at] <= '3' && is_octal(line[at]) &&
               is_octal(line[at + 1]) && is_octal(line[at + 2])) {
      result.pattern += static_cast<char>((line[at] - '0') << 6 | (line[at + 1] - '0') << 3 |
                                          (line[at + 2] - '0'));
      at += 2;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// "filter=from" to "filter=to", and so for the drivers of diff and merge.
std::string handed_over(const std::string& line, const std::string& from, const std::string& to) {
  std::string result;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t blank = std::min(line.find_first_of(" \t\r\n", at), line.size());
    std::string word = line.substr(at, blank - at);
    for (const std::string_view driver : kDrivers)
      if (word == std::string(driver) + "=" + from) word = std::string(driver) + "=" + to;
    result += word;
    const std::size_t next = std::min(line.find_first_not_of(" \t\r\n", blank), line.size());
    result += line.substr(blank, next - blank);
    at = next;
  }
  return result;
}

/// Without mgit's attributes; empty if no other is left.
std::string without_ours(const std::string& line, const AttributeLine& parsed) {
  static constexpr std::array<std::string_view, 4> kOurs{"filter=mgit", "diff=mgit", "merge=mgit",
                                                         "-text"};
  std::string rest;
  for (const std::string& attribute : parsed.attributes)
    if (std::find(kOurs.begin(), kOurs.end(), attribute) == kOurs.end()) rest += " " + attribute;
  if (rest.empty()) return {};
  return quoted_pattern(parsed.pattern) + rest + (line.ends_with('\n') ? "\n" : "");
}

}  // namespace

bool AttributeLine::has(std::string_view attribute) const {
  return contains(attributes, attribute);
}

std::string quoted_pattern(const std::string& pattern) {
  if (pattern.find_first_of(" \t\r\n\"") == std::string::npos) return pattern;
  std::string result = "\"";
  for (const char c : pattern) {
    const auto* const escape = std::ranges::find(kEscapes, c, &Escape::character);
    if (escape != kEscapes.end())
      result.append({'\\', escape->letter});
    else
      result += c;
  }
  return result + '"';
}

std::string exact_pattern(const std::string& path) {
  std::string pattern = "/";
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

AttributeLine parse_attribute_line(const std::string& line) {
  AttributeLine result;
  std::istringstream text(line);
  const auto quoted = unquoted_pattern(line);
  if (quoted) {
    result.pattern = quoted->pattern;
    text.seekg(static_cast<std::streamoff>(quoted->length));
  } else {
    text >> result.pattern;
    if (result.pattern.starts_with('#') || result.pattern.starts_with("[attr]"))
      result.pattern.clear();
  }
  if (result.pattern.empty()) return result;
  for (std::string attribute; text >> attribute;) result.attributes.push_back(attribute);
  return result;
}

std::string mgit_pattern(const std::string& line) {
  AttributeLine parsed = parse_attribute_line(line);
  return parsed.has("filter=mgit") ? std::move(parsed.pattern) : std::string();
}

std::vector<std::string> mgit_patterns(std::string_view text) {
  std::vector<std::string> patterns;
  for (const std::string& line : split_lines(text))
    if (std::string pattern = mgit_pattern(line); !pattern.empty())
      patterns.push_back(std::move(pattern));
  return patterns;
}

std::string mgit_attribute_line(const std::string& pattern) {
  return quoted_pattern(pattern) + std::string(kAttributes);
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::string attributes_to_mgit(std::string_view text, const std::vector<std::string>& patterns,
                               bool complete) {
  std::string result;
  std::vector<std::string> ours;
  for (const std::string& line : split_lines(text)) {
    const AttributeLine parsed = parse_attribute_line(line);
    const bool from_lfs = parsed.has("filter=lfs") && contains(patterns, parsed.pattern);
    if (from_lfs || parsed.has("filter=mgit")) ours.push_back(parsed.pattern);
    result += from_lfs ? handed_over(line, "lfs", "mgit") : line;
  }
  if (!complete) return result;
  for (const std::string& pattern : patterns) {
    if (contains(ours, pattern)) continue;
    if (!result.empty() && !result.ends_with('\n')) result += '\n';
    result += mgit_attribute_line(pattern) + '\n';
  }
  return result;
}

std::string attributes_from_mgit(std::string_view text,
                                 const std::optional<std::vector<std::string>>& patterns,
                                 bool to_lfs) {
  std::string result;
  for (const std::string& line : split_lines(text)) {
    const AttributeLine parsed = parse_attribute_line(line);
    if (!parsed.has("filter=mgit") || (patterns && !contains(*patterns, parsed.pattern)))
      result += line;
    else
      result += to_lfs ? handed_over(line, "mgit", "lfs") : without_ours(line, parsed);
  }
  return result;
}

}  // namespace mgit
