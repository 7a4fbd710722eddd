// Names as texts of this room write them: bare if they are plain, else in quotes.
#pragma once

#include <string>
#include <string_view>

namespace mgit::speclang {

/// "…" with \" \\ \n \t \r \xNN; bytes from 0x80 stay.
std::string quoted_text(std::string_view name);

/// A tensor's name as a line of a spec begins with it: never taken for a pattern or a keyword.
std::string key_text(std::string_view name);

}  // namespace mgit::speclang
