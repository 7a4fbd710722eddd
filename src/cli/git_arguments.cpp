#include "cli/git_arguments.h"

#include <algorithm>
#include <cctype>

#include "base/process.h"

namespace mgit::cli {
namespace {

bool has(const GitArguments& arguments, std::string_view option) {
  return std::ranges::find(arguments, option) != arguments.end();
}

/// True if the value of this option is the next argument: --branch main, --bran main, -b main,
/// -qb main; not --branch=main, -bmain.
bool takes_next(const std::string& argument, const GitArguments& valued) {
  if (argument.starts_with("--"))
    return argument.find('=') == std::string::npos &&
           std::ranges::any_of(valued, [&](const std::string& option) {
             return option.starts_with("--") && option.starts_with(argument);
           });
  if (!argument.starts_with('-')) return false;
  for (std::size_t i = 1; i < argument.size(); ++i)
    if (has(valued, std::string("-") + argument[i])) return i + 1 == argument.size();
  return false;
}

}  // namespace

bool has_flag(const GitArguments& arguments, std::string_view flag, char letter) {
  const auto end = std::ranges::find(arguments, "--");
  return std::any_of(arguments.begin(), end, [&](const std::string& argument) {
    if (argument == flag) return true;
    if (letter == 0 || argument.size() < 2 || argument[0] != '-' || argument[1] == '-')
      return false;
    for (const char c : argument.substr(1)) {
      if (c == letter) return true;
      if (std::isalpha(static_cast<unsigned char>(c)) == 0 || c == 'o') return false;
    }
    return false;
  });
}

bool take_flag(GitArguments& arguments, std::string_view flag) {
  const auto end = std::ranges::find(arguments, "--");
  const auto at = std::find(arguments.begin(), end, flag);
  if (at == end) return false;
  arguments.erase(at);
  return true;
}

std::vector<std::string> take_values(GitArguments& arguments, std::string_view option) {
  const std::string with_value = std::string(option) + "=";
  std::vector<std::string> values;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--";) {
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    if (at->starts_with(with_value)) {
      values.push_back(at->substr(with_value.size()));
      arguments.erase(at);
    } else if (*at == option && i + 1 < arguments.size()) {
      values.push_back(arguments[i + 1]);
      arguments.erase(at, at + 2);
    } else {
      ++i;
    }
  }
  return values;
}

std::optional<std::string> value_of(const GitArguments& arguments, std::string_view option,
                                    std::string_view letter) {
  const std::string with_value = std::string(option) + "=";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(with_value)) return arguments[i].substr(with_value.size());
    const bool is_option = arguments[i] == option || arguments[i] == letter;
    if (is_option && i + 1 < arguments.size()) return arguments[i + 1];
  }
  return std::nullopt;
}

std::vector<std::string> positionals(const GitArguments& arguments, const GitArguments& valued) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") {
      result.insert(result.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    arguments.end());
      break;
    }
    if (takes_next(arguments[i], valued))
      ++i;
    else if (!arguments[i].starts_with('-'))
      result.push_back(arguments[i]);
  }
  return result;
}

void exec_git(const std::string& command, const GitArguments& arguments) {
  std::vector<std::string> words{"git", command};
  words.insert(words.end(), arguments.begin(), arguments.end());
  exec_process(words);
}

}  // namespace mgit::cli
