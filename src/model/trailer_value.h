// The values of mgit's trailers: words, and at the end the model that they speak of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit {

std::vector<std::string> words_of(std::string_view text);

/// Cuts "… model <path>" off a value; the path may hold spaces, and is quoted as git quotes paths.
/// Empty where the value names none; nullopt if that is no path.
std::optional<std::string> cut_model(std::string& value);

}  // namespace mgit
