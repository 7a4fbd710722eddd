#include "model/adapter_base.h"

#include <filesystem>

#include "model/adapter.h"
#include "model/model_spec.h"
#include "model/network_config.h"
#include "model/training_state.h"

namespace mgit {
namespace {

/// The model that the adapter's own configuration names, if it is one of these.
std::optional<std::size_t> named_base(const Repository& repository, const Oid& commit,
                                      const std::string& adapter,
                                      const std::vector<CommittedModel>& models) {
  const std::filesystem::path folder = std::filesystem::path(adapter).parent_path();
  const auto file = repository.file_at(commit, (folder / "adapter_config.json").string());
  if (!file) return std::nullopt;
  const NetworkConfig config = parse_network_config(repository.blob(file->blob));
  const auto name = config.find("base_model_name_or_path");
  if (name == config.end() || name->second.empty()) return std::nullopt;
  for (const std::filesystem::path& from : {folder, std::filesystem::path()}) {
    std::filesystem::path place = (from / name->second).lexically_normal();
    if (!place.has_filename()) place = place.parent_path();
    for (std::size_t i = 0; i < models.size(); ++i) {
      const std::filesystem::path model = models[i].path;
      const std::filesystem::path home = model.parent_path();
      if (model == place || home == place || (home.empty() && place == ".")) return i;
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_adapter(const CommittedModel& model) {
  return is_adapter(model.path, infos_of(model.manifest));
}

NamedWeights named_weights(const Repository& repository, const Oid& commit,
                           const CommittedModel& model) {
  const std::vector<TensorInfo> infos = infos_of(model.manifest);
  std::string prefix = weights_prefix(&repository, commit, model.path, infos);
  std::vector<TensorInfo> weights = weights_under(infos, prefix);
  return {std::move(prefix), std::move(weights)};
}

AdapterBases bases_of(const Repository& repository, const Oid& commit,
                      const CommittedModel& adapter, const std::vector<CommittedModel>& models) {
  AdapterBases result;
  const std::vector<TensorInfo> tensors = infos_of(adapter.manifest);
  const std::optional<std::size_t> named = named_base(repository, commit, adapter.path, models);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (named && i != *named) continue;
    const auto misfit =
        adapter_misfit(tensors, named_weights(repository, commit, models[i]).weights);
    if (!misfit) {
      result.models.push_back(i);
    } else if (result.why.empty()) {
      result.why = *misfit;
    }
  }
  return result;
}

}  // namespace mgit
