// What `git diff`'s command line asks of mgit.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mgit {

/// The part of `git diff`'s command line that tables are made for.
struct DiffRequest {
  bool json = false;
  bool exit_code = false;
  bool colour_always = false;
  bool colour_never = false;
  std::vector<std::string> selection;  // what is compared: --cached, revisions, paths
  std::vector<std::string> patch;      // options for the ordinary files
};

/// nullopt: an option that asks for another kind of output; git does all of it.
std::optional<DiffRequest> parse_request(const std::vector<std::string>& arguments);

}  // namespace mgit
