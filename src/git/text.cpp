#include "git/text.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace mgit {

std::string to_utf8(const char* text, const char* encoding) {
  std::string source = text != nullptr ? text : "";
  if (encoding == nullptr) return source;
  const iconv_t converter = ::iconv_open("UTF-8", encoding);
  if (converter == iconv_t(-1))
    return source;  // NOLINT(performance-no-int-to-ptr): as POSIX has it
  std::string result;
  std::array<char, 4096> piece{};
  char* in = source.data();
  std::size_t left = source.size();
  bool failed = false;
  while (left > 0 && !failed) {
    char* out = piece.data();
    std::size_t room = piece.size();
    const std::size_t before = left;
    ::iconv(converter, &in, &left, &out, &room);
    result.append(piece.data(), piece.size() - room);
    failed = left == before;
  }
  ::iconv_close(converter);
  return failed ? source : result;
}

std::string first_words(const std::string& errors) {
  std::string words = errors.substr(0, errors.find('\n'));
  for (const std::string_view prefix : {"fatal: ", "error: "})
    if (words.starts_with(prefix)) words.erase(0, prefix.size());
  return words;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string shell_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result + '\'';
}

}  // namespace mgit
