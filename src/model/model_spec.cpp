#include "model/model_spec.h"

#include <fmt/format.h>

#include "base/os.h"
#include "format/shard_index.h"

namespace mgit {
namespace {

std::optional<std::string> configured_spec(const Repository& repository,
                                           const std::optional<Oid>& commit,
                                           const std::string& path) {
  for (const ModelConfig& model : repository.models(commit))
    if (same_model_path(model.path, path) && !model.spec.empty() && model.spec != "auto")
      return model.spec;
  return std::nullopt;
}

std::string spec_file(const Repository& repository, const std::optional<Oid>& commit,
                      const std::string& file) {
  if (!commit) return os::read_file(repository.work_dir() / file);
  const auto found = repository.file_at(*commit, file);
  if (!found)
    throw MissingError("no such spec file in " + commit->brief(), file,
                       "commit the file that .mgitconfig names");
  return repository.blob(found->blob);
}

}  // namespace

std::vector<TensorInfo> infos_of(const Manifest& manifest) {
  std::vector<TensorInfo> infos;
  for (const ManifestTensor& tensor : manifest.tensors) infos.push_back(tensor.info);
  return infos;
}

Spec choose_spec(const Repository* repository, const std::optional<Oid>& commit,
                 const std::string& path, const std::vector<TensorInfo>& tensors) {
  if (repository != nullptr) {
    if (const auto file = configured_spec(*repository, commit, path))
      return bind_spec(spec_file(*repository, commit, *file), *file, tensors);
  }
  if (auto spec = recognise(tensors)) return *std::move(spec);
  throw Error("no permutation spec fits this network", path,
              "write one (docs/specs.md) and name it in .mgitconfig: [model \"net\"] path, spec");
}

std::vector<CommittedModel> models_at(const Repository& repository, const Oid& commit) {
  std::vector<CommittedModel> models = repository.models_at(commit);
  std::erase_if(models, [](const CommittedModel& model) {
    return !model.index && !has_tensors(model.manifest);
  });
  for (const ModelConfig& config : repository.models(commit))
    std::erase_if(models, [&](const CommittedModel& model) { return model.path == config.data; });
  return models;
}

CommittedModel require_model(const Repository& repository, const Oid& commit,
                             const std::string& path, const std::string& revision) {
  if (path.empty()) {
    std::vector<CommittedModel> models = models_at(repository, commit);
    if (models.empty()) throw MissingError("has no checkpoint", revision);
    if (models.size() == 1) return std::move(models.front());
    throw UsageError(fmt::format("has {} models", models.size()), revision,
                     fmt::format("name one, as in {}:{}", revision, models.front().path));
  }
  for (const CommittedModel& model : repository.list_models(commit).models)
    if (model.index && std::any_of(model.parts.begin(), model.parts.end(),
                                   [&](const auto& part) { return part.path == path; }))
      throw Error("is one shard of the model " + model.path, path,
                  fmt::format("name the model: {}:{}", revision, model.path));
  if (auto model = repository.model_at(commit, path)) return *std::move(model);
  throw MissingError("has no checkpoint " + path, revision);
}

void require_proof(const Spec& spec, const std::string& path, bool trusted) {
  if (spec.proof != Proof::kStatic || trusted) return;
  throw Error("the spec was checked for coverage and sizes only, not proved", path,
              "read it ('mgit spec show'), then say --trust-spec");
}

std::string describe_spec(const Spec& spec) {
  return fmt::format("spec {}, proof {}", spec.architecture, proof_name(spec.proof));
}

}  // namespace mgit
