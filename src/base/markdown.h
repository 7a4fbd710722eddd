// Markdown as GitHub and GitLab show it, from text that others wrote: names of tensors, subjects of
// commits. None of it becomes markup, a link, a mention or the end of a table's row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mgit {

/// As a code span, on one line, also within a table. Bytes that are no UTF-8, and characters that
/// turn the direction of writing, are replaced; what is longer than `most` bytes is cut, and said.
std::string markdown_code(std::string_view text, std::size_t most = 200);

/// As a block of code, from line to line; the same replacements.
std::string markdown_block(std::string_view text, std::string_view language = {});

/// Cells are finished Markdown, without line ends. The first `left` columns are text, the others
/// numbers.
std::string markdown_table(const std::vector<std::string>& header,
                           const std::vector<std::vector<std::string>>& rows, std::size_t left = 1);

}  // namespace mgit
