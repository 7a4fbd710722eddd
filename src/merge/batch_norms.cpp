#include "merge/batch_norms.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace mgit {
namespace {

constexpr std::string_view kMean = ".running_mean";
constexpr std::string_view kVariance = ".running_var";
constexpr std::string_view kWeight = ".weight";

/// "layer1.0.bn2" is "layer1.0" and "bn2".
struct ModulePath {
  std::string parent;
  std::string leaf;

  explicit ModulePath(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    if (dot != std::string_view::npos) parent = path.substr(0, dot);
    leaf = dot == std::string_view::npos ? path : path.substr(dot + 1);
  }
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The numbers in a name: those of "bn2" and of "conv2" are alike.
std::string numbers_in(std::string_view name) {
  std::string numbers;
  for (const char c : name)
    if (is_digit(c) || (!numbers.empty() && numbers.back() != ' '))
      numbers += is_digit(c) ? c : ' ';
  while (numbers.ends_with(' ')) numbers.pop_back();
  return numbers;
}

/// A place in a sequence of modules, "3"; nullopt for other names.
std::optional<std::uint64_t> place_in_sequence(std::string_view leaf) {
  if (leaf.empty() || leaf.size() > 9 || !std::all_of(leaf.begin(), leaf.end(), is_digit))
    return std::nullopt;
  return std::stoull(std::string(leaf));
}

/// One group over a whole part of an axis, unit by unit.
bool is_plain(const Occurrence& units) { return units.outer == 1 && units.inner == 1; }

class NormFinder {
 public:
  NormFinder(const Spec& spec, const std::vector<TensorInfo>& network) : spec_(spec) {
    for (const TensorInfo& info : network) {
      const SpecTensor* tensor = spec.find(info.name);
      if (tensor == nullptr || !is_arithmetic(info.dtype)) continue;
      const std::string_view name = info.name;
      if (name.ends_with(kVariance) && info.rank() == 1)
        norms_.push_back({std::string(name.substr(0, name.size() - kVariance.size())), tensor});
      if (name.ends_with(kWeight) && info.rank() >= 2 && !tensor->reshaped)
        layers_.push_back({std::string(name.substr(0, name.size() - kWeight.size())), tensor});
    }
    for (const TensorInfo& info : network) note_module(info.name);
  }

  std::vector<BatchNorm> find() {
    for (const Module& norm : norms_)
      if (auto layer = layer_by_name(norm)) pair(norm, *std::move(layer));
    for (const Module& norm : norms_)
      if (!pairs_.contains(norm.path))
        if (auto layer = only_writer(norm)) pair(norm, *std::move(layer));
    std::vector<BatchNorm> result;
    for (const Module& norm : norms_) {
      BatchNorm found{norm.path + std::string(kVariance), channels_of(norm)};
      const auto has_layers = [](const NormedChannels& each) { return !each.layers.empty(); };
      if (std::any_of(found.channels.begin(), found.channels.end(), has_layers))
        result.push_back(std::move(found));
    }
    return result;
  }

 private:
  struct Module {
    std::string path;
    const SpecTensor* tensor;  // of a norm its variance, of a layer its weight
  };

  /// Sequences know which of their places hold tensors.
  void note_module(const std::string& tensor) {
    for (std::size_t dot = tensor.find('.'); dot != std::string::npos;
         dot = tensor.find('.', dot + 1)) {
      const ModulePath path(std::string_view(tensor).substr(0, dot));
      if (const auto place = place_in_sequence(path.leaf)) sequences_[path.parent].insert(*place);
    }
  }

  void pair(const Module& norm, NormedLayer layer) {
    normed_.insert(layer.weight);
    pairs_.emplace(norm.path, std::move(layer));
  }

  /// The layer as one whose outputs are the norm's channels: on its first axis, or, of a transposed
  /// convolution, on its second.
  static std::optional<NormedLayer> as_input(const Module& layer, const SpecAxis& channels) {
    const std::string weight = layer.path + std::string(kWeight);
    const std::vector<SpecAxis>& axes = layer.tensor->axes;
    if (axes[0] == channels) return NormedLayer{weight, 0};
    if (axes.size() > 2 && axes[1] == channels) return NormedLayer{weight, 1};
    return std::nullopt;
  }

  /// nullopt: no name tells, or several do.
  std::optional<NormedLayer> layer_by_name(const Module& norm) const {
    const ModulePath path(norm.path);
    const auto place = place_in_sequence(path.leaf);
    std::optional<std::string> before;  // the module before it in a sequence
    if (place) {
      const std::set<std::uint64_t>& places = sequences_.at(path.parent);
      const auto at = places.find(*place);
      if (at == places.begin()) return std::nullopt;
      before = (path.parent.empty() ? "" : path.parent + ".") + std::to_string(*std::prev(at));
    }
    std::optional<NormedLayer> found;
    for (const Module& layer : layers_) {
      const bool meant = before ? layer.path == *before || layer.path.starts_with(*before + ".")
                                : is_sibling_of(ModulePath(layer.path), path);
      if (!meant) continue;
      auto candidate = as_input(layer, norm.tensor->axes[0]);
      if (!candidate) continue;
      if (found) return std::nullopt;
      found = std::move(candidate);
    }
    return found;
  }

  static bool is_sibling_of(const ModulePath& layer, const ModulePath& norm) {
    return layer.parent == norm.parent && numbers_in(layer.leaf) == numbers_in(norm.leaf);
  }

  /// Layers that make the units of an axis, or of a part of one.
  std::vector<NormedLayer> writers(const SpecAxis& channels) const {
    std::vector<NormedLayer> result;
    if (channels.occurrences.empty()) return result;
    for (const Module& layer : layers_)
      if (layer.tensor->axes[0] == channels)
        result.push_back({layer.path + std::string(kWeight), 0});
    return result;
  }

  std::optional<NormedLayer> only_writer(const Module& norm) const {
    std::vector<NormedLayer> found = writers(norm.tensor->axes[0]);
    if (found.size() != 1 || normed_.contains(found.front().weight)) return std::nullopt;
    return std::move(found.front());
  }

  std::vector<NormedChannels> channels_of(const Module& norm) const {
    const SpecAxis& axis = norm.tensor->axes[0];
    if (const auto found = pairs_.find(norm.path); found != pairs_.end())
      return {{0, axis.length, {found->second}}};
    std::vector<NormedChannels> result;
    const auto add = [&](std::uint64_t begin, const SpecAxis& part) {
      std::vector<NormedLayer> layers = writers(part);
      // What another norm has made of a layer's outputs has that norm's variance.
      std::erase_if(layers,
                    [this](const NormedLayer& layer) { return normed_.contains(layer.weight); });
      result.push_back({begin, begin + part.length, std::move(layers)});
    };
    if (axis.occurrences.size() < 2 ||
        !std::all_of(axis.occurrences.begin(), axis.occurrences.end(), is_plain)) {
      add(0, axis);
      return result;
    }
    for (Occurrence units : axis.occurrences) {
      const std::uint64_t begin = units.offset;
      units.offset = 0;
      add(begin, {spec_.groups[units.group].size, {units}});
    }
    return result;
  }

  const Spec& spec_;
  std::vector<Module> norms_;
  std::vector<Module> layers_;
  std::map<std::string, std::set<std::uint64_t>> sequences_;
  std::map<std::string, NormedLayer> pairs_;  // by the norm's path
  std::set<std::string> normed_;              // weights of layers that have a norm of their own
};

}  // namespace

std::vector<BatchNorm> batch_norms(const Spec& spec, const std::vector<TensorInfo>& network) {
  return NormFinder(spec, network).find();
}

bool is_running_statistic(std::string_view name) {
  return name.ends_with(kMean) || name.ends_with(kVariance);
}

}  // namespace mgit
