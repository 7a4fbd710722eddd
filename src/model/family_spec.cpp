#include "model/spec_source.h"
#include "model/training_state.h"

namespace mgit {

SpecAnswer spec_of_family(const SpecQuery& query) {
  if (query.tensors.empty()) return {};
  const NetworkConfig config = query.config();
  for (std::string& prefix : query.prefixes())
    if (auto spec = recognise(weights_under(query.tensors, prefix), config))
      return {FoundSpec{*std::move(spec), std::move(prefix)}};
  return {};
}

}  // namespace mgit
