// .mgitconfig: what the models of a repository are, and what belongs to them. docs/config.md has
// every key. The file comes with a clone: whoever wrote it is not trusted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

constexpr const char* kModelConfigFile = ".mgitconfig";

/// From what `git config --list -z` prints; `text`, the file, gives errors their lines. Throws
/// Error for a model without a path, or with one that leaves the repository.
std::vector<ModelConfig> parse_models(std::string_view listing, std::string_view text = {});

/// Tensors of a model that may hold values that are not finite: its masks, for example.
struct NonFiniteTensors {
  std::string model_path;
  std::string pattern;  // as in fnmatch(3), of tensor names
};

/// What the working tree's .mgitconfig says (`nonfinite`, any number of times). Throws Error where
/// git cannot parse the file.
std::vector<NonFiniteTensors> non_finite_tensors(const Repository& repository);

/// One key of the model at this path, as `commit` has the file, or the working tree for nullopt;
/// empty if it says nothing. Throws Error where git cannot parse the file.
std::string model_setting(const Repository& repository, const std::optional<Oid>& commit,
                          const std::string& model_path, std::string_view key);

/// What is wrong with the file, from git's words about it: "bad config line 3".
std::string config_complaint(const std::string& errors);

/// One line for each section or key in `listing` that mgit does not know, with the file's line and
/// what was probably meant.
std::vector<std::string> unknown_config_keys(std::string_view listing, std::string_view text);

/// unknown_config_keys() on stderr, once in the life of the process.
void warn_of_unknown_keys(std::string_view listing, std::string_view text);

}  // namespace mgit
