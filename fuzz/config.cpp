// The models of .mgitconfig, as `git config --list -z` prints them: paths stay in the repository.
#include <algorithm>
#include <filesystem>

#include "fuzz.h"
#include "git/model_config.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  try {
    for (const ModelConfig& model : parse_models(as_text(fuzz::bytes_of(data, size)))) {
      const std::filesystem::path path(model.path);
      fuzz::require(!path.empty() && path.is_relative(), "a relative path");
      fuzz::require(std::find(path.begin(), path.end(), "..") == path.end(), "no way out");
    }
  } catch (const Error&) {
  }
  return 0;
}
