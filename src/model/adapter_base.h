// Which model of a commit an adapter belongs to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

bool is_adapter(const CommittedModel& model);

/// A model's weights by their names in the network, and what stands before them in the file.
struct NamedWeights {
  std::string prefix;
  std::vector<TensorInfo> weights;
};
NamedWeights named_weights(const Repository& repository, const Oid& commit,
                           const CommittedModel& model);

/// Those of `models`, all of `commit`, that the adapter may belong to: the one whose folder (or
/// file) base_model_name_or_path names in the adapter_config.json beside it, as a path from there
/// or from the top of the repository; else all that it fits. `why` is why it does not fit the first
/// model where the result is empty.
struct AdapterBases {
  std::vector<std::size_t> models;
  std::string why;
};
AdapterBases bases_of(const Repository& repository, const Oid& commit,
                      const CommittedModel& adapter, const std::vector<CommittedModel>& models);

}  // namespace mgit
