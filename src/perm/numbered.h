// Names and lines as texts with numbers between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit::speclang {

/// "h.2.fc" is "h.", 2, ".fc". Digits that a capture would not take (leading zeros, more than 9)
/// are text.
struct Numbered {
  std::vector<std::string> texts{std::string()};  // one more than numbers
  std::vector<std::uint64_t> numbers;

  void add(std::string_view name);
};

/// Of the layouts of a line: numbers in names of groups are numbers, everything else is text.
/// `ordinals`: which number of its name each of them is. nullopt: something that is no layout of
/// explicit names.
struct NumberedLayouts {
  Numbered parts;
  std::vector<std::size_t> ordinals;
};
std::optional<NumberedLayouts> numbered_layouts(std::string_view layouts);

}  // namespace mgit::speclang
