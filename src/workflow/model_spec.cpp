#include "workflow/model_spec.h"

#include <fmt/format.h>

#include "base/os.h"

namespace mgit {
namespace {

std::optional<std::string> configured_spec(const Repository& repository,
                                           const std::optional<Oid>& commit,
                                           const std::string& path) {
  for (const ModelConfig& model : repository.models(commit))
    if (model.path == path && !model.spec.empty() && model.spec != "auto") return model.spec;
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

std::vector<CommittedCheckpoint> models_at(const Repository& repository, const Oid& commit) {
  std::vector<CommittedCheckpoint> checkpoints = repository.checkpoints_at(commit);
  std::erase_if(checkpoints, [](const CommittedCheckpoint& checkpoint) {
    return !is_model_format(checkpoint.manifest.format);
  });
  for (const ModelConfig& model : repository.models(commit))
    std::erase_if(checkpoints, [&](const CommittedCheckpoint& checkpoint) {
      return checkpoint.path == model.data;
    });
  return checkpoints;
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
