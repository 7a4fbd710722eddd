// Lines of .gitattributes: which patterns they give to a filter, and how those lines change hands
// between git-lfs and mgit. Pure text; every other line stays as it is, byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit {

struct AttributeLine {
  std::string pattern;  // empty: blank, a comment or a macro
  std::vector<std::string> attributes;

  bool has(std::string_view attribute) const;
};

AttributeLine parse_attribute_line(const std::string& line);

/// The pattern of a line that gives it to mgit; empty for every other line.
std::string mgit_pattern(const std::string& line);

/// All of a .gitattributes, in order.
std::vector<std::string> mgit_patterns(std::string_view text);

/// A pattern with blanks, quotes or line ends has to be quoted (gitattributes(5)).
std::string quoted_pattern(const std::string& pattern);

/// The pattern that covers this path, from the top, and no other: what git would take for a
/// wildcard, for a comment or for a negation is taken literally.
std::string exact_pattern(const std::string& path);

/// "PATTERN filter=mgit diff=mgit merge=mgit -text".
std::string mgit_attribute_line(const std::string& pattern);

/// Lines with their ends; the last one may have none.
std::vector<std::string> split_lines(std::string_view text);

/// Lines that give one of `patterns` to git-lfs give it to mgit; where `complete`, patterns without
/// a line of mgit's get one at the end.
std::string attributes_to_mgit(std::string_view text, const std::vector<std::string>& patterns,
                               bool complete);

/// Undoes it for the lines of `patterns` (nullopt: all): to git-lfs where `to_lfs`, else mgit's
/// attributes are taken away, and lines that have no others with them.
std::string attributes_from_mgit(std::string_view text,
                                 const std::optional<std::vector<std::string>>& patterns,
                                 bool to_lfs);

}  // namespace mgit
