#include "match/weighting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/threads.h"
#include "match/weights.h"

namespace mgit {
namespace {

using Factors = std::map<std::string, double, std::less<>>;

constexpr std::array<std::pair<Weighting, std::string_view>, 3> kWeightings{
    {{Weighting::kLinear, "linear"}, {Weighting::kRaw, "raw"}, {Weighting::kNorm, "norm"}}};

constexpr std::array<std::pair<GroupOrder, std::string_view>, 3> kOrders{
    {{GroupOrder::kRandom, "random"},
     {GroupOrder::kForward, "forward"},
     {GroupOrder::kBackward, "backward"}}};

template <typename Table, typename Key>
std::string_view name_in(const Table& table, Key key) {
  return std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.first == key; })
      ->second;
}

template <typename Table>
auto named(const Table& table, std::string_view name)
    -> std::optional<decltype(table.front().first)> {
  for (const auto& [key, its_name] : table)
    if (its_name == name) return key;
  return std::nullopt;
}

template <typename Visit>
void for_each_group(const SpecTensor& tensor, const Visit& visit) {
  for (const SpecAxis& axis : tensor.axes)
    for (const Occurrence& place : axis.occurrences) visit(place.group);
}

std::string_view module_of(std::string_view tensor) {
  const std::size_t dot = tensor.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : tensor.substr(0, dot);
}

bool is_gain(std::string_view tensor) {
  constexpr std::array<std::string_view, 5> kGains{"weight", "gamma", "scale", "gain", "g"};
  const std::size_t dot = tensor.rfind('.');
  return dot != std::string_view::npos &&
         std::find(kGains.begin(), kGains.end(), tensor.substr(dot + 1)) != kGains.end();
}

/// Modules whose tensors are a gain for each unit, and perhaps a bias: no layers, no batch norms,
/// which have running statistics.
std::set<std::string, std::less<>> layer_norms(const Spec& spec) {
  std::set<std::string, std::less<>> norms;
  std::set<std::string, std::less<>> others;
  for (const SpecTensor& tensor : spec.tensors) {
    if (is_gain(tensor.name) && tensor.axes.size() == 1) norms.emplace(module_of(tensor.name));
    if (tensor.axes.size() > 1 || tensor.name.ends_with(".running_mean"))
      others.emplace(module_of(tensor.name));
  }
  for (const std::string& other : others) norms.erase(other);
  return norms;
}

/// What is wrong with a tensor otherwise is for matching to say.
bool is_weighed(const SpecTensor& tensor, const TensorSource& model) {
  const TensorInfo* info = model.find(tensor.name);
  return tensor.match && info != nullptr && is_arithmetic(info->dtype);
}

double norm_of(const TensorSource& model, const std::string& name) {
  const TensorData tensor = model.read(name);
  return std::sqrt(dot(tensor.view, tensor.view));
}

Factors factors_for(const Spec& spec, const TensorSource& a, const TensorSource& b,
                    Weighting weighting) {
  Factors factors;
  if (weighting != Weighting::kNorm) return factors;
  std::vector<double> found(spec.tensors.size(), 1);
  parallel_for(spec.tensors.size(), [&](std::size_t i) {
    const SpecTensor& tensor = spec.tensors[i];
    if (!is_weighed(tensor, a) || !is_weighed(tensor, b)) return;
    const double product = norm_of(a, tensor.name) * norm_of(b, tensor.name);
    if (product > 0 && std::isfinite(product)) found[i] = 1 / std::sqrt(product);
  });
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != 1) factors.emplace(spec.tensors[i].name, found[i]);
  return factors;
}

}  // namespace

std::string_view weighting_name(Weighting weighting) { return name_in(kWeightings, weighting); }
std::optional<Weighting> weighting_from_name(std::string_view name) {
  return named(kWeightings, name);
}
std::string_view order_name(GroupOrder order) { return name_in(kOrders, order); }
std::optional<GroupOrder> order_from_name(std::string_view name) { return named(kOrders, name); }

Spec matched_spec(const Spec& spec, Weighting weighting) {
  Spec result = spec;
  if (weighting == Weighting::kRaw) return result;
  const auto norms = layer_norms(spec);
  std::vector<bool> elsewhere(spec.groups.size());
  for (const SpecTensor& tensor : spec.tensors)
    if (tensor.match && !norms.contains(module_of(tensor.name)))
      for_each_group(tensor, [&](std::uint32_t group) { elsewhere[group] = true; });
  for (SpecTensor& tensor : result.tensors) {
    bool needed = !norms.contains(module_of(tensor.name));
    for_each_group(tensor, [&](std::uint32_t group) { needed = needed || !elsewhere[group]; });
    tensor.match = tensor.match && needed;
  }
  return result;
}

ScaledModel::ScaledModel(const TensorSource& model, Factors factors)
    : model_(model), factors_(std::move(factors)), infos_(model.tensors()) {
  for (TensorInfo& info : infos_)
    if (factors_.contains(info.name)) info.dtype = DType::kF32;
}

TensorData ScaledModel::read(std::string_view name) const {
  TensorData tensor = model_.read(name);
  const auto factor = factors_.find(name);
  if (factor == factors_.end()) return tensor;
  std::vector<float> values(element_count(tensor.view.shape).value());
  to_float(tensor.view, values);
  for (float& value : values) value = static_cast<float>(value * factor->second);
  const auto scaled = std::make_shared<const std::vector<float>>(std::move(values));
  return {{DType::kF32, tensor.view.shape, std::as_bytes(std::span(*scaled))}, scaled};
}

WeightedModels::WeightedModels(const Spec& spec, const TensorSource& a, const TensorSource& b,
                               Weighting weighting)
    : spec_(matched_spec(spec, weighting)), a_(a, factors_for(spec_, a, b, weighting)) {}

}  // namespace mgit
