// What mgit has to know of the arguments that it passes on to git as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit::cli {

using GitArguments = std::vector<std::string>;

/// True if `flag` (long, or one letter that may stand in a cluster: -qf) is among the options.
bool has_flag(const GitArguments& arguments, std::string_view flag, char letter = 0);

/// Takes `flag` out of the options; true if it was there.
bool take_flag(GitArguments& arguments, std::string_view flag);

/// Takes every `--option value` and `--option=value` out; the values.
std::vector<std::string> take_values(GitArguments& arguments, std::string_view option);

/// Of `--option value`, `--option=value` or `-o value`.
std::optional<std::string> value_of(const GitArguments& arguments, std::string_view option,
                                    std::string_view letter);

/// The arguments that are no options, where `valued` are the options whose value is the next
/// argument.
std::vector<std::string> positionals(const GitArguments& arguments, const GitArguments& valued);

/// Becomes `git COMMAND ARGUMENTS`.
[[noreturn]] void exec_git(const std::string& command, const GitArguments& arguments);

}  // namespace mgit::cli
