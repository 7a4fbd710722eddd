#include "model/trailer_value.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "format/quote.h"

namespace mgit {

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::optional<std::string> cut_model(std::string& value) {
  constexpr std::string_view kKey = " model ";
  value.insert(0, 1, ' ');
  std::replace_if(
      value.begin(), value.end(), [](unsigned char c) { return std::isspace(c) != 0; }, ' ');
  const std::size_t place = value.find(kKey);
  if (place == std::string::npos) return std::string();
  const std::string quoted = value.substr(place + kKey.size());
  value.resize(place);
  return unquote_name(quoted);
}

}  // namespace mgit
