#include "model/model_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/mapped_file.h"
#include "format/shard_index.h"
#include "git/model_config.h"
#include "merge/tensor_role.h"
#include "model/adapter.h"
#include "model/network_config.h"
#include "model/spec_source.h"
#include "model/stored_outline.h"
#include "model/training_state.h"

namespace mgit {

std::vector<TensorInfo> infos_of(const Manifest& manifest) {
  std::vector<TensorInfo> infos;
  for (const ManifestTensor& tensor : manifest.tensors) infos.push_back(tensor.info);
  return infos;
}

namespace {

/// What the file of a model says beside its tensors: in the commit, or on disk.
std::optional<Outline> outline_at(const Workspace* repository, const std::optional<Oid>& commit,
                                  const std::string& path) {
  if (repository != nullptr && commit) {
    const auto checkpoint = repository->checkpoint_at(*commit, path);
    return checkpoint ? stored_outline(repository->store(), checkpoint->manifest) : std::nullopt;
  }
  if (!std::filesystem::is_regular_file(path)) return std::nullopt;
  const MappedFile file(path);
  return outline_of(file.bytes(), parse_checkpoint(file.bytes(), path).format);
}

/// What a source found, as a spec of the whole file.
Spec of_file(const SpecQuery& query, const FoundSpec& found) {
  if (!found.prefix) return found.spec;
  if (found.spec.tensors.size() == query.tensors.size() && found.prefix->empty()) return found.spec;
  const std::string moments = query.setting("optimizer");
  if (!moments.empty() && moments != "move" && moments != "leave")
    throw Error("optimizer is 'move' or 'leave', not '" + moments + "'", kModelConfigFile);
  try {
    return spec_of_state(found.spec, *found.prefix, query.tensors,
                         outline_at(query.repository, query.commit, query.path),
                         moments == "leave" ? Moments::kLeave : Moments::kMove);
  } catch (const Error& error) {
    throw Error(error.where() + ": " + error.what(), query.path,
                "optimizer = leave, in .mgitconfig's section of the model, leaves the moments "
                "of the optimizer in their old order; its next steps are then off");
  }
}

/// A key of a training state whose weights were not found; empty: it is none.
std::string beside_an_optimizer(const SpecQuery& query) {
  if (query.weights_only || !query.setting("key").empty()) return {};
  const std::vector<TensorInfo>& tensors = query.tensors;
  const auto state = std::find_if(tensors.begin(), tensors.end(), is_training_state);
  const auto weight = std::find_if_not(tensors.begin(), tensors.end(), is_training_state);
  if (state == tensors.end() || weight == tensors.end()) return {};
  const std::size_t dot = weight->name.find('.');
  return dot == std::string::npos ? std::string() : weight->name.substr(0, dot);
}

std::string describe(const FamilyMisfit& misfit) {
  constexpr std::size_t kMostReasons = 2;
  std::string text = fmt::format("the nearest family is {}, but ", misfit.family);
  for (std::size_t i = 0; i < std::min(kMostReasons, misfit.reasons.size()); ++i)
    text += (i > 0 ? ", " : "") + misfit.reasons[i];
  if (misfit.reasons.size() > kMostReasons)
    text += fmt::format(", and {} more", misfit.reasons.size() - kMostReasons);
  return text;
}

[[noreturn]] void throw_nothing_fits(const SpecQuery& query, const std::vector<std::string>& why) {
  if (is_adapter(query.path, query.tensors))
    throw Error(std::string(kAdapterHasNoUnits), query.path,
                "'mgit spec' takes the model that it adapts");
  std::optional<FamilyMisfit> nearest;
  const NetworkConfig config = query.config();
  for (const std::string& prefix : query.prefixes()) {
    auto misfit = nearest_family(weights_under(query.tensors, prefix), config);
    if (misfit && (!nearest || misfit->reasons.size() < nearest->reasons.size()))
      nearest = std::move(misfit);
  }
  std::string what = "no permutation spec fits this network";
  if (nearest) what += "; " + describe(*nearest);
  for (const std::string& reason : why) what += "; " + reason;
  const std::string folder = beside_an_optimizer(query);
  if (!folder.empty())
    throw Error(what, query.path,
                fmt::format("say where the weights are, in .mgitconfig's section of the model: "
                            "key = {} (docs/config.md); 'mgit merge --no-rebase' needs no spec",
                            folder));
  throw Error(
      what, query.path,
      fmt::format(
          "a graph of the network is enough ('mgit merge --no-rebase' needs neither):\n"
          "  python: torch.export.save(torch.export.export(net.eval(), (example,)), \"net.pt2\")\n"
          "  git config -f .mgitconfig model.net.path {}\n"
          "  git config -f .mgitconfig model.net.graph net.pt2   # or spec: docs/specs.md",
          query.path));
}

Spec choose(const SpecQuery& query) {
  std::vector<std::string> why;
  for (const SpecSource& source : spec_sources()) {
    SpecAnswer answer = source.find(query);
    if (answer.found) return of_file(query, *answer.found);
    if (!answer.why.empty()) why.push_back(std::move(answer.why));
  }
  throw_nothing_fits(query, why);
}

}  // namespace

Spec choose_spec(const Workspace* repository, const std::optional<Oid>& commit,
                 const std::string& path, const std::vector<TensorInfo>& tensors) {
  return choose({repository, commit, path, tensors, false});
}

std::optional<Spec> family_spec(const Workspace* repository, const std::optional<Oid>& commit,
                                const std::string& path, const std::vector<TensorInfo>& tensors) {
  const SpecQuery query{repository, commit, path, tensors, false};
  const SpecAnswer answer = spec_of_family(query);
  return answer.found ? std::optional(of_file(query, *answer.found)) : std::nullopt;
}

Spec choose_weights_spec(const Workspace* repository, const std::optional<Oid>& commit,
                         const std::string& path, const std::vector<TensorInfo>& weights) {
  return choose({repository, commit, path, weights, true});
}

SpecCheck check_model(const Repository* repository, const std::optional<Oid>& commit,
                      const std::string& path, const std::vector<TensorInfo>& tensors,
                      const NetworkCheck& check) {
  if (tensors.empty()) return {{}, {"it holds no tensors"}};
  const NetworkConfig config = network_config(repository, commit, path);
  SpecCheck result = check(tensors, config);
  if (result.spec) return result;
  const std::string key =
      repository == nullptr ? "" : model_setting(*repository, commit, path, "key");
  for (const std::string& prefix : weight_prefixes(tensors, key)) {
    const std::vector<TensorInfo> weights = weights_under(tensors, prefix);
    if (weights.size() == tensors.size() && prefix.empty()) continue;
    result = check(weights, config);
    if (result.spec) return result;
  }
  return result;
}

std::string weights_prefix(const Repository* repository, const std::optional<Oid>& commit,
                           const std::string& path, const std::vector<TensorInfo>& tensors) {
  const std::string key =
      repository == nullptr ? "" : model_setting(*repository, commit, path, "key");
  return weight_prefixes(tensors, key).back();
}

std::vector<CommittedModel> models_at(const Repository& repository, const Oid& commit) {
  std::vector<CommittedModel> models = repository.models_at(commit);
  std::erase_if(models, [](const CommittedModel& model) {
    return !model.index && !has_tensors(model.manifest);
  });
  const std::vector<ModelConfig> configured = repository.models(commit);
  std::erase_if(models, [&](const CommittedModel& model) {
    const auto is_model = [&](const ModelConfig& config) {
      return same_model_path(config.path, model.path);
    };
    const auto is_used = [&](const ModelConfig& config) {
      return model.path == config.data || model.path == config.calibration ||
             model.path == config.graph;
    };
    return std::none_of(configured.begin(), configured.end(), is_model) &&
           std::any_of(configured.begin(), configured.end(), is_used);
  });
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

std::string weights_place(const Spec& spec) {
  std::optional<std::string_view> common;
  for (const SpecTensor& tensor : spec.tensors) {
    if (!tensor.match) continue;  // not a weight, or a statistic beside weights
    const std::string_view name = tensor.name;
    if (!common) common = name;
    const auto end = std::mismatch(common->begin(), common->end(), name.begin(), name.end()).first;
    common = common->substr(0, static_cast<std::size_t>(end - common->begin()));
  }
  const std::size_t dot = common.value_or("").rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view folder = common->substr(0, dot + 1);
  const bool all = std::all_of(spec.tensors.begin(), spec.tensors.end(),
                               [&](const auto& tensor) { return tensor.name.starts_with(folder); });
  return all ? std::string() : std::string(folder.substr(0, dot));
}

std::string describe_spec(const Spec& spec) {
  const std::string place = weights_place(spec);
  return fmt::format("spec {}, proof {}{}", spec.architecture, proof_name(spec.proof),
                     place.empty() ? "" : fmt::format(", weights in '{}'", place));
}

}  // namespace mgit
