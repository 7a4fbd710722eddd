#include "workflow/diff/diff_request.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace mgit {
namespace {

bool starts_with_any(const std::string& text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return text.starts_with(start); });
}

}  // namespace

std::optional<DiffRequest> parse_request(const std::vector<std::string>& arguments) {
  DiffRequest request;
  bool paths_only = false;
  for (const std::string& argument : arguments) {
    if (paths_only || !argument.starts_with('-')) {
      request.selection.push_back(argument);
    } else if (argument == "--") {
      paths_only = true;
      request.selection.push_back(argument);
    } else if (argument == "--cached" || argument == "--staged" || argument == "--merge-base") {
      request.selection.push_back(argument);
    } else if (argument == "--json") {
      request.json = true;
    } else if (argument == "--exit-code") {
      request.exit_code = true;
    } else if (argument == "--color" || argument == "--color=always") {
      request.colour_always = true;
    } else if (argument == "--no-color" || argument == "--color=never") {
      request.colour_never = true;
    } else if (argument == "-p" || argument == "-u" || argument == "--patch" || argument == "-w" ||
               argument == "-b" || argument == "-W" || argument == "--minimal" ||
               argument == "--patience" || argument == "--histogram" ||
               starts_with_any(argument, {"-U", "--unified=", "--ignore-",
                                          "--diff-algorithm=", "--word-diff", "--color-"})) {
      request.patch.push_back(argument);
    } else {
      return std::nullopt;
    }
  }
  return request;
}

}  // namespace mgit
