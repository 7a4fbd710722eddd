#include "model/model_form.h"

#include "merge/tensor_role.h"
#include "model/model_spec.h"
#include "model/training_state.h"

namespace mgit {

ModelForm::ModelForm(const CommittedModel& model, std::string prefix)
    : manifest_(model.manifest),
      prefix_(std::move(prefix)),
      weights_(weights_under(infos_of(manifest_), prefix_)) {}

std::optional<CommittedModel> ModelForm::of(const CommittedModel& other,
                                            const std::string& prefix) const {
  if (other.index || weights_.empty()) return std::nullopt;
  if (weights_under(infos_of(other.manifest), prefix) != weights_) return std::nullopt;
  CommittedModel result = other;
  result.manifest = manifest_;
  for (ManifestTensor& tensor : result.manifest.tensors) {
    if (!tensor.info.name.starts_with(prefix_) || is_training_state(tensor.info)) continue;
    const ManifestTensor* theirs =
        other.manifest.find(prefix + tensor.info.name.substr(prefix_.size()));
    tensor.object = theirs->object;
    tensor.placement = theirs->placement;
  }
  return result;
}

Spec ModelForm::of(const Spec& spec, const std::string& prefix) const {
  Spec result{spec.architecture, spec.proof, spec.groups, {}};
  for (const ManifestTensor& each : manifest_.tensors) {
    const TensorInfo& info = each.info;
    const bool weight = info.name.starts_with(prefix_) && !is_training_state(info);
    const SpecTensor* theirs =
        weight ? spec.find(prefix + info.name.substr(prefix_.size())) : nullptr;
    SpecTensor tensor{info.name, {}, false};
    if (theirs != nullptr) {
      tensor.axes = theirs->axes;
      tensor.match = theirs->match;
      tensor.reshaped = theirs->reshaped;
    } else {
      for (const std::uint64_t length : info.shape) tensor.axes.push_back({length, {}});
    }
    result.tensors.push_back(std::move(tensor));
  }
  return result;
}

}  // namespace mgit
