#include "base/os.h"
#include "format/shard_index.h"
#include "git/model_config.h"
#include "model/spec_source.h"
#include "model/training_state.h"

namespace mgit {
namespace {

std::optional<std::string> configured_file(const SpecQuery& query) {
  if (query.repository == nullptr) return std::nullopt;
  for (const ModelConfig& model : query.repository->models(query.commit))
    if (same_model_path(model.path, query.path) && !model.spec.empty() && model.spec != "auto")
      return model.spec;
  return std::nullopt;
}

std::string text_of(const Repository& repository, const std::optional<Oid>& commit,
                    const std::string& file) {
  if (!commit) return os::read_file(repository.work_dir() / file);
  const auto found = repository.file_at(*commit, file);
  if (!found)
    throw MissingError("no such spec file in " + commit->brief(), file,
                       "commit the file that .mgitconfig names");
  return repository.blob(found->blob);
}

/// A spec may speak of the whole file, or of the weights in it.
FoundSpec fitting(const SpecQuery& query, const std::string& text, const std::string& file) {
  const std::vector<std::string> prefixes = query.prefixes();
  const NetworkConfig config = query.config();
  if (prefixes.front().empty())
    if (auto spec = check_spec(text, file, query.tensors, config).spec)
      return {*std::move(spec), std::nullopt};
  for (const std::string& prefix : prefixes)
    if (auto spec = check_spec(text, file, weights_under(query.tensors, prefix), config).spec)
      return {*std::move(spec), prefix};
  const std::string& last = prefixes.back();
  return {bind_spec(text, file, weights_under(query.tensors, last), config), last};
}

}  // namespace

SpecAnswer spec_of_config(const SpecQuery& query) {
  const auto file = configured_file(query);
  if (!file) return {};
  FoundSpec found = fitting(query, text_of(*query.repository, query.commit, *file), *file);
  prove_by_graph(query, found);
  return {std::move(found)};
}

}  // namespace mgit
