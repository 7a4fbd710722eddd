#include "model/spec_source.h"

#include <array>

#include "git/model_config.h"
#include "model/network_config.h"
#include "model/training_state.h"

namespace mgit {
namespace {

constexpr std::array kSources{
    SpecSource{"config", spec_of_config},
    SpecSource{"graph", spec_of_graph},
    SpecSource{"family", spec_of_family},
    SpecSource{"script", spec_of_script},
};

}  // namespace

std::span<const SpecSource> spec_sources() { return kSources; }

std::string SpecQuery::setting(std::string_view key) const {
  return repository == nullptr ? "" : model_setting(*repository, commit, path, key);
}

NetworkConfig SpecQuery::config() const { return network_config(repository, commit, path); }

std::vector<std::string> SpecQuery::prefixes() const {
  if (weights_only) return {""};
  return weight_prefixes(tensors, setting("key"));
}

}  // namespace mgit
