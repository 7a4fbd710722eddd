#include "eval/layer_barriers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "merge/norm_repair.h"
#include "mgit/merge.h"

namespace mgit {
namespace {

std::string module_of(std::string_view tensor) {
  const std::size_t dot = tensor.rfind('.');
  return std::string(dot == std::string_view::npos ? tensor : tensor.substr(0, dot));
}

std::set<std::string> weights_before(const BatchNorm& norm) {
  std::set<std::string> weights;
  for (const NormedChannels& channels : norm.channels)
    for (const NormedLayer& layer : channels.layers) weights.insert(layer.weight);
  return weights;
}

/// The module of the one layer that makes what the norm gets; nullopt: there are others, or it is
/// not known what makes some channels.
std::optional<std::string> followed_module(const BatchNorm& norm) {
  const std::set<std::string> weights = weights_before(norm);
  const bool known =
      std::none_of(norm.channels.begin(), norm.channels.end(),
                   [](const NormedChannels& channels) { return channels.layers.empty(); });
  if (!known || weights.size() != 1) return std::nullopt;
  return module_of(*weights.begin());
}

bool same_values(const TensorSource& model, const TensorInfo& x, const TensorInfo& y) {
  const TensorData left = model.read(x.name);
  const TensorData right = model.read(y.name);
  return std::equal(left.view.data.begin(), left.view.data.end(), right.view.data.begin(),
                    right.view.data.end());
}

/// The first tensor that this one is tied to; itself where there is none.
const TensorInfo& tied_to(const TensorSource& a, const TensorSource& b, const TensorInfo& tensor) {
  for (const TensorInfo& other : a.tensors()) {
    if (other.name == tensor.name || tensor.rank() < 2) break;
    if (other.dtype == tensor.dtype && other.shape == tensor.shape &&
        same_values(a, other, tensor) && same_values(b, other, tensor))
      return other;
  }
  return tensor;
}

/// A, with the tensors of one layer from B.
class OneLayerOf : public TensorSource {
 public:
  OneLayerOf(const TensorSource& a, const TensorSource& b, const ModelLayer& layer)
      : a_(a), b_(b), layer_(layer) {}
  const std::vector<TensorInfo>& tensors() const override { return a_.tensors(); }
  TensorData read(std::string_view name) const override {
    const bool theirs = std::binary_search(layer_.tensors.begin(), layer_.tensors.end(), name);
    return (theirs ? b_ : a_).read(name);
  }

 private:
  const TensorSource& a_;
  const TensorSource& b_;
  const ModelLayer& layer_;
};

std::vector<BatchNorm> norms_behind(const ModelLayer& layer, const std::vector<BatchNorm>& norms) {
  std::vector<BatchNorm> result;
  for (const BatchNorm& norm : norms) {
    const std::set<std::string> weights = weights_before(norm);
    if (std::any_of(weights.begin(), weights.end(), [&](const std::string& weight) {
          return std::binary_search(layer.tensors.begin(), layer.tensors.end(), weight);
        }))
      result.push_back(norm);
  }
  return result;
}

}  // namespace

std::vector<ModelLayer> model_layers(const TensorSource& a, const TensorSource& b,
                                     const std::vector<BatchNorm>& norms) {
  std::map<std::string, std::string> layer_of;  // modules that are part of another layer
  for (const BatchNorm& norm : norms)
    if (const auto module = followed_module(norm)) layer_of[module_of(norm.variance)] = *module;
  const auto named = [&](std::string name) {
    for (auto found = layer_of.find(name); found != layer_of.end(); found = layer_of.find(name))
      name = found->second;
    return name;
  };
  for (const TensorInfo& tensor : a.tensors()) {
    const std::string own = named(module_of(tensor.name));
    const std::string first = named(module_of(tied_to(a, b, tensor).name));
    if (own != first) layer_of[own] = first;
  }
  std::map<std::string, ModelLayer> layers;
  std::set<std::string> averaged;
  for (const TensorInfo& tensor : a.tensors()) {
    const std::string module = module_of(tensor.name);
    const std::string name = named(module);
    if (name == module && is_running_statistic(tensor.name)) continue;
    layers[name].tensors.push_back(tensor.name);
    if (is_arithmetic(tensor.dtype)) averaged.insert(name);
  }
  std::vector<ModelLayer> result;
  for (auto& [name, layer] : layers)
    if (averaged.contains(name)) result.push_back({name, std::move(layer.tensors)});
  return result;
}

std::vector<LayerBarrier> layer_barriers(Evaluator& evaluator, const TensorSource& a,
                                         const TensorSource& b,
                                         const std::vector<ModelLayer>& layers,
                                         const std::vector<BatchNorm>& norms, bool repair,
                                         double loss_of_ends,
                                         const std::function<void()>& progress) {
  std::vector<LayerBarrier> result;
  for (const ModelLayer& layer : layers) {
    const OneLayerOf moved(a, b, layer);
    const NormRepair repaired(repair ? norms_behind(layer, norms) : std::vector<BatchNorm>{}, a,
                              moved);
    const Evaluation midpoint = evaluator.evaluate(InterpolatedModel(a, moved, 0.5, &repaired));
    result.push_back({layer.name, midpoint, midpoint.loss - loss_of_ends});
    if (progress) progress();
  }
  // A loss that is not a number comes first.
  std::stable_sort(result.begin(), result.end(), [](const auto& left, const auto& right) {
    return std::isnan(left.barrier) ? !std::isnan(right.barrier) : left.barrier > right.barrier;
  });
  return result;
}

}  // namespace mgit
