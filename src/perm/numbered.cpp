#include "perm/numbered.h"

#include <charconv>

#include "perm/characters.h"

namespace mgit::speclang {

void Numbered::add(std::string_view name) {
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = at;
    while (end < name.size() && is_digit(name[end])) ++end;
    const std::string_view digits = name.substr(at, end - at);
    if (digits.empty()) {
      texts.back() += name[at++];
      continue;
    }
    if (digits.size() > kMaxDigits || (digits.size() > 1 && digits.front() == '0')) {
      texts.back() += digits;
    } else {
      std::uint64_t number = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
      numbers.push_back(number);
      texts.emplace_back();
    }
    at = end;
  }
}

std::optional<NumberedLayouts> numbered_layouts(std::string_view layouts) {
  constexpr std::string_view kOperators = "+*(), ";
  NumberedLayouts result;
  for (std::size_t at = 0; at < layouts.size();) {
    const std::size_t begin = at;
    if (is_letter(layouts[at])) {
      while (at < layouts.size() && is_group_name(layouts[at])) ++at;
      const std::string_view name = layouts.substr(begin, at - begin);
      if (name == "where" || name == "unless") return std::nullopt;
      const std::size_t before = result.parts.numbers.size();
      result.parts.add(name);
      for (std::size_t i = before; i < result.parts.numbers.size(); ++i)
        result.ordinals.push_back(i - before);
      continue;
    }
    if (layouts[at] == '_') {
      ++at;
      if (at < layouts.size() && layouts[at] == ':') ++at;
      while (at < layouts.size() && is_digit(layouts[at])) ++at;
      if (at < layouts.size() && is_group_name(layouts[at])) return std::nullopt;
    } else if (is_digit(layouts[at])) {
      while (at < layouts.size() && is_digit(layouts[at])) ++at;
      if (at == layouts.size() || layouts[at++] != 'x') return std::nullopt;
    } else if (kOperators.find(layouts[at]) != std::string_view::npos) {
      ++at;
    } else {
      return std::nullopt;
    }
    result.parts.texts.back() += layouts.substr(begin, at - begin);
  }
  return result;
}

}  // namespace mgit::speclang
