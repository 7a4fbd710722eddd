#include "model/model_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/mapped_file.h"
#include "base/os.h"
#include "format/shard_index.h"
#include "git/model_config.h"
#include "merge/tensor_role.h"
#include "model/stored_outline.h"
#include "model/training_state.h"

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

namespace {

/// What the file of a model says beside its tensors: in the commit, or on disk.
std::optional<Outline> outline_at(const Repository* repository, const std::optional<Oid>& commit,
                                  const std::string& path) {
  if (repository != nullptr && commit) {
    const auto checkpoint = repository->checkpoint_at(*commit, path);
    return checkpoint ? stored_outline(repository->store(), checkpoint->manifest) : std::nullopt;
  }
  if (!std::filesystem::is_regular_file(path)) return std::nullopt;
  const MappedFile file(path);
  return outline_of(file.bytes(), parse_checkpoint(file.bytes(), path).format);
}

/// Chooses the spec of one model.
class SpecChoice {
 public:
  SpecChoice(const Repository* repository, const std::optional<Oid>& commit,
             const std::string& path, const std::vector<TensorInfo>& tensors, bool weights_only)
      : repository_(repository),
        commit_(commit),
        path_(path),
        tensors_(tensors),
        weights_only_(weights_only) {}

  Spec run() {
    if (repository_ != nullptr)
      if (const auto file = configured_spec(*repository_, commit_, path_)) return from_file(*file);
    const std::vector<std::string> prefixes = weights_at();
    for (const std::string& prefix : prefixes)
      if (auto spec = recognise(weights_under(tensors_, prefix))) return of_file(*spec, prefix);
    throw_nothing_fits(prefixes);
  }

 private:
  std::string setting(std::string_view key) const {
    return repository_ == nullptr ? "" : model_setting(*repository_, commit_, path_, key);
  }

  std::vector<std::string> weights_at() const {
    if (weights_only_) return {""};
    return weight_prefixes(tensors_, setting("key"));
  }

  /// A spec may speak of the whole file, or of the weights in it.
  Spec from_file(const std::string& file) const {
    const std::string text = spec_file(*repository_, commit_, file);
    const std::vector<std::string> prefixes = weights_at();
    if (prefixes.front().empty())
      if (auto spec = check_spec(text, file, tensors_).spec) return *std::move(spec);
    for (const std::string& prefix : prefixes)
      if (auto spec = check_spec(text, file, weights_under(tensors_, prefix)).spec)
        return of_file(*spec, prefix);
    return of_file(bind_spec(text, file, weights_under(tensors_, prefixes.back())),
                   prefixes.back());
  }

  Spec of_file(const Spec& spec, const std::string& prefix) const {
    if (spec.tensors.size() == tensors_.size() && prefix.empty()) return spec;
    const std::string moments = setting("optimizer");
    if (!moments.empty() && moments != "move" && moments != "leave")
      throw Error("optimizer is 'move' or 'leave', not '" + moments + "'", kModelConfigFile);
    try {
      return spec_of_state(spec, prefix, tensors_, outline_at(repository_, commit_, path_),
                           moments == "leave" ? Moments::kLeave : Moments::kMove);
    } catch (const Error& error) {
      throw Error(error.where() + ": " + error.what(), path_,
                  "optimizer = leave, in .mgitconfig's section of the model, leaves the moments "
                  "of the optimizer in their old order; its next steps are then off");
    }
  }

  [[noreturn]] void throw_nothing_fits(const std::vector<std::string>& prefixes) const {
    std::optional<FamilyMisfit> nearest;
    for (const std::string& prefix : prefixes) {
      auto misfit = nearest_family(weights_under(tensors_, prefix));
      if (misfit && (!nearest || misfit->reasons.size() < nearest->reasons.size()))
        nearest = std::move(misfit);
    }
    std::string what = "no permutation spec fits this network";
    if (nearest) what += "; " + describe(*nearest);
    const std::string folder = beside_an_optimizer();
    if (!folder.empty())
      throw Error(what, path_,
                  fmt::format("say where the weights are, in .mgitconfig's section of the model: "
                              "key = {} (docs/config.md); 'mgit merge --no-rebase' needs no spec",
                              folder));
    throw Error(what, path_,
                "write one (docs/specs.md) and name it in .mgitconfig: [model \"net\"] path, spec; "
                "'mgit merge --no-rebase' needs none");
  }

  /// A key of a training state whose weights were not found; empty: it is none.
  std::string beside_an_optimizer() const {
    if (weights_only_ || !setting("key").empty()) return {};
    const auto state = std::find_if(tensors_.begin(), tensors_.end(), is_training_state);
    const auto weight = std::find_if_not(tensors_.begin(), tensors_.end(), is_training_state);
    if (state == tensors_.end() || weight == tensors_.end()) return {};
    const std::size_t dot = weight->name.find('.');
    return dot == std::string::npos ? std::string() : weight->name.substr(0, dot);
  }

  static std::string describe(const FamilyMisfit& misfit) {
    constexpr std::size_t kShown = 2;
    std::string text = fmt::format("the nearest family is {}, but ", misfit.family);
    for (std::size_t i = 0; i < std::min(kShown, misfit.reasons.size()); ++i)
      text += (i > 0 ? ", " : "") + misfit.reasons[i];
    if (misfit.reasons.size() > kShown)
      text += fmt::format(", and {} more", misfit.reasons.size() - kShown);
    return text;
  }

  const Repository* repository_;
  const std::optional<Oid>& commit_;
  const std::string& path_;
  const std::vector<TensorInfo>& tensors_;
  bool weights_only_;
};

}  // namespace

Spec choose_spec(const Repository* repository, const std::optional<Oid>& commit,
                 const std::string& path, const std::vector<TensorInfo>& tensors) {
  return SpecChoice(repository, commit, path, tensors, false).run();
}

Spec choose_weights_spec(const Repository* repository, const std::optional<Oid>& commit,
                         const std::string& path, const std::vector<TensorInfo>& weights) {
  return SpecChoice(repository, commit, path, weights, true).run();
}

SpecCheck check_model(const Repository* repository, const std::optional<Oid>& commit,
                      const std::string& path, const std::vector<TensorInfo>& tensors,
                      const std::function<SpecCheck(const std::vector<TensorInfo>&)>& check) {
  SpecCheck result = check(tensors);
  if (result.spec) return result;
  const std::string key =
      repository == nullptr ? "" : model_setting(*repository, commit, path, "key");
  for (const std::string& prefix : weight_prefixes(tensors, key)) {
    const std::vector<TensorInfo> weights = weights_under(tensors, prefix);
    if (weights.size() == tensors.size() && prefix.empty()) continue;
    result = check(weights);
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
  for (const ModelConfig& config : repository.models(commit))
    std::erase_if(models, [&](const CommittedModel& model) {
      return model.path == config.data || model.path == config.graph;
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
    const bool weight =
        tensor.match && std::any_of(tensor.axes.begin(), tensor.axes.end(),
                                    [](const SpecAxis& axis) { return !axis.occurrences.empty(); });
    if (!weight) continue;
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
