// git's C-style quoting, backwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mgit {

/// The name that quote_name() wrote as `text`; nullopt if quote_name() never writes that.
std::optional<std::string> unquote_name(std::string_view text);

}  // namespace mgit
