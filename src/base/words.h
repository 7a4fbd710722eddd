// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mgit {

/// "1 tensor", "3 tensors", "2 entries".
std::string counted(std::uint64_t number, std::string_view noun);

/// "512 bytes", "3.7 MB": in powers of 1000, three digits or more.
std::string size_text(std::uint64_t bytes);

/// As the text of an XML element or the value of an attribute in quotes.
std::string xml_text(std::string_view text);

}  // namespace mgit
