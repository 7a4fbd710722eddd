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

class NormFinder {
 public:
  NormFinder(const Spec& spec, const std::vector<TensorInfo>& network) : spec_(spec) {
    for (const TensorInfo& info : network) {
      const SpecTensor* tensor = spec.find(info.name);
      if (tensor == nullptr || !is_arithmetic(info.dtype)) continue;
      const std::string_view name = info.name;
      if (name.ends_with(kVariance) && info.rank() == 1)
        norms_.push_back(
            {std::string(name.substr(0, name.size() - kVariance.size())), tensor, info.shape[0]});
      if (name.ends_with(kWeight) && info.rank() >= 2)
        layers_.push_back(
            {std::string(name.substr(0, name.size() - kWeight.size())), tensor, info.shape[0]});
    }
    for (const TensorInfo& info : network) note_module(info.name);
  }

  std::vector<BatchNorm> find() {
    for (const Module& norm : norms_)
      if (auto layer = layer_by_name(norm)) {
        layer->grouped = layer->grouped || is_depthwise(norm, *layer);
        normed_.insert(layer->weight);
        pairs_.emplace(norm.path, *std::move(layer));
      }
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
    std::uint64_t outputs;     // the length of that one's first axis
  };

  /// Sequences know which of their places hold tensors.
  void note_module(const std::string& tensor) {
    for (std::size_t dot = tensor.find('.'); dot != std::string::npos;
         dot = tensor.find('.', dot + 1)) {
      const ModulePath path(std::string_view(tensor).substr(0, dot));
      if (const auto place = place_in_sequence(path.leaf)) sequences_[path.parent].insert(*place);
    }
  }

  /// Whether the first axis is that of the channels. Where it was reshaped to say what one channel
  /// holds (input units of a grouped convolution), it begins with them.
  static bool makes(const Module& layer, const SpecAxis& channels) {
    const SpecAxis& axis = layer.tensor->axes[0];
    if (!layer.tensor->reshaped) return axis == channels;
    if (channels.occurrences.empty() || layer.outputs != channels.length ||
        axis.length % channels.length != 0)
      return false;
    const std::uint64_t rest = axis.length / channels.length;
    return std::all_of(
        channels.occurrences.begin(), channels.occurrences.end(), [&](Occurrence units) {
          units.offset *= rest;
          units.inner *= rest;
          return std::find(axis.occurrences.begin(), axis.occurrences.end(), units) !=
                 axis.occurrences.end();
        });
  }

  static std::optional<NormedLayer> as_writer(const Module& layer, const SpecAxis& channels) {
    if (!makes(layer, channels)) return std::nullopt;
    return NormedLayer{layer.path + std::string(kWeight), 0, layer.tensor->reshaped};
  }

  /// The second axis of a transposed convolution is that of its outputs. It is told from what reads
  /// the channels only by its place before the norm.
  static std::optional<NormedLayer> as_transposed(const Module& layer, const SpecAxis& channels) {
    const std::vector<SpecAxis>& axes = layer.tensor->axes;
    if (layer.tensor->reshaped || axes.size() < 3 || axes[1] != channels) return std::nullopt;
    return NormedLayer{layer.path + std::string(kWeight), 1};
  }

  /// Channels with one input each, which another layer makes: the norm's channels go in and out.
  bool is_depthwise(const Module& norm, const NormedLayer& layer) const {
    const std::vector<SpecAxis>& axes = spec_.find(layer.weight)->axes;
    return axes.size() > 2 && axes[1 - layer.axis].length == 1 &&
           writers(norm.tensor->axes[0]).size() > 1;
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
      auto candidate = as_writer(layer, norm.tensor->axes[0]);
      if (!candidate && before) candidate = as_transposed(layer, norm.tensor->axes[0]);
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
      if (auto writer = as_writer(layer, channels)) result.push_back(*std::move(writer));
    return result;
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
    if (!is_concatenation(axis)) {
      add(0, axis);
      return result;
    }
    for (const Occurrence& units : axis.occurrences) {
      const std::uint64_t length = spec_.groups[units.group].size;
      for (std::uint64_t part = 0; part < units.outer; ++part)
        add(units.offset + part * length, {length, {{.group = units.group}}});
    }
    return result;
  }

  /// Whole groups, one behind the other, with or without fixed units between them.
  bool is_concatenation(const SpecAxis& axis) const {
    const auto is_whole = [this](const Occurrence& units) {
      return units.inner == 1 && !spec_.groups[units.group].outer;
    };
    const std::vector<Occurrence>& parts = axis.occurrences;
    return (parts.size() > 1 || (parts.size() == 1 && parts.front().outer > 1)) &&
           std::all_of(parts.begin(), parts.end(), is_whole);
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

const BatchNorm* find_norm(const std::vector<BatchNorm>& norms, std::string_view variance) {
  const auto at = std::lower_bound(
      norms.begin(), norms.end(), variance,
      [](const BatchNorm& norm, std::string_view name) { return norm.variance < name; });
  return at != norms.end() && at->variance == variance ? &*at : nullptr;
}

bool is_running_statistic(std::string_view name) {
  return name.ends_with(kMean) || name.ends_with(kVariance);
}

}  // namespace mgit
