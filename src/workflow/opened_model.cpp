#include "workflow/opened_model.h"

#include <filesystem>

#include "format/shard_index.h"
#include "model/model_spec.h"
#include "store/model_file.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

OpenedModel committed_model(const Workspace& repository, const std::string& name,
                            const std::string& model_name) {
  const std::string revision = name.substr(0, name.find(':'));
  const Oid commit = repository.require(revision);
  const std::string path = path_in_commit(repository, name, model_name);
  const CommittedModel model = require_model(repository, commit, path, revision);
  repository.need(model, name);
  return {name, commit, model.path, model_digest(model), open_model(repository.store(), model), {}};
}

/// The path as the repository has it, where it lies inside.
std::string path_inside(const Repository* repository, const std::string& file) {
  if (repository == nullptr || repository->work_dir().empty()) return file;
  const fs::path relative = fs::relative(file, repository->work_dir());
  return relative.empty() || *relative.begin() == ".." ? file : relative.string();
}

OpenedModel open_either(const Workspace* repository, const std::string& name,
                        const std::string& model_name) {
  const bool revision =
      repository != nullptr && repository->resolve(name.substr(0, name.find(':'))).has_value();
  if (revision) return committed_model(*repository, name, model_name);
  if (fs::is_regular_file(name))
    return {name,         std::nullopt,          path_inside(repository, name),
            std::nullopt, open_model_file(name), {}};
  throw MissingError("no such revision or checkpoint file", name);
}

}  // namespace

std::optional<ModelConfig> configured_model(const Repository* repository, const std::string& name) {
  if (repository == nullptr) return std::nullopt;
  const std::vector<ModelConfig> models = repository->models(std::nullopt);
  if (name.empty() && models.size() == 1) return models.front();
  for (const ModelConfig& model : models)
    if (model.name == name) return model;
  if (!name.empty()) throw MissingError("no such model", ".mgitconfig: " + name);
  return std::nullopt;
}

std::optional<ModelConfig> config_of_path(const Repository& repository, const std::string& path) {
  for (ModelConfig& config : repository.models(std::nullopt))
    if (same_model_path(config.path, path)) return std::move(config);
  return std::nullopt;
}

std::string path_in_commit(const Repository& repository, const std::string& name,
                           const std::string& model_name) {
  const std::size_t colon = name.find(':');
  if (colon != std::string::npos && colon + 1 < name.size()) return name.substr(colon + 1);
  const auto config = configured_model(&repository, model_name);
  return config ? config->path : "";
}

OpenedModel open_named_model(const Workspace* repository, const std::string& name,
                             const std::string& model_name) {
  OpenedModel model = open_either(repository, name, model_name);
  model.prefix = weights_prefix(repository, model.commit, model.path, model.file->tensors());
  return model;
}

}  // namespace mgit
