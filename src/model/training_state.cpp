#include "model/training_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "merge/tensor_role.h"
#include "model/optimizer_state.h"

namespace mgit {
namespace {

// Where programs keep the weights, the surest first.
constexpr std::array<std::string_view, 11> kFolders{
    "model_state_dict", "state_dict", "model_state", "model",  "net_state_dict", "net",
    "network",          "module",     "weights",     "params", "model_weights"};
// What wrappers put before every name.
constexpr std::array<std::string_view, 8> kWrappers{"module.",
                                                    "_orig_mod.",
                                                    "model.",
                                                    "net.",
                                                    "network.",
                                                    "_forward_module.",
                                                    "_fsdp_wrapped_module.",
                                                    "state_dict."};
// What stands beside weights: words in the names of folders.
constexpr std::array<std::string_view, 9> kBeside{
    "ema", "average", "swa", "best", "loss", "criterion", "metric", "teacher", "shadow"};

std::string_view top_of(std::string_view name) { return name.substr(0, name.find('.')); }

bool is_beside(std::string_view folder) {
  return std::any_of(kBeside.begin(), kBeside.end(), [&](std::string_view word) {
    return folder.find(word) != std::string_view::npos;
  });
}

bool all_begin_with(const std::vector<std::string_view>& names, std::string_view prefix) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [&](std::string_view name) {
    return name.starts_with(prefix);
  });
}

/// The key of a training state that holds the weights; empty: the file itself.
std::string_view weights_folder(const std::vector<std::string_view>& names, bool is_state) {
  std::set<std::string_view> folders;
  for (const std::string_view name : names)
    if (name.find('.') != std::string_view::npos) folders.insert(top_of(name));
  for (const std::string_view folder : kFolders) {
    if (!folders.contains(folder)) continue;
    const bool alone = std::all_of(names.begin(), names.end(), [&](std::string_view name) {
      return top_of(name) == folder || is_beside(top_of(name));
    });
    if (is_state || alone) return folder;
  }
  return is_state && folders.size() == 1 ? *folders.begin() : std::string_view();
}

}  // namespace

std::vector<std::string> weight_prefixes(const std::vector<TensorInfo>& tensors,
                                         const std::string& key) {
  std::vector<std::string_view> names;
  for (const TensorInfo& info : tensors)
    if (!is_training_state(info)) names.push_back(info.name);
  std::vector<std::string> prefixes;
  if (!key.empty()) {
    prefixes.push_back(key + ".");
    std::erase_if(names, [&](std::string_view name) { return !name.starts_with(prefixes[0]); });
    if (names.empty()) {
      std::set<std::string_view> folders;
      for (const TensorInfo& info : tensors) folders.insert(top_of(info.name));
      throw Error("no tensors under the key of .mgitconfig", key,
                  fmt::format("there is, for example, {}", *folders.begin()));
    }
  } else {
    prefixes.emplace_back();
    const std::string_view folder = weights_folder(names, names.size() < tensors.size());
    if (!folder.empty()) {
      prefixes.push_back(fmt::format("{}.", folder));
      std::erase_if(names, [&](std::string_view name) { return !name.starts_with(prefixes[1]); });
    }
  }
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : kWrappers) {
      std::string longer = prefixes.back() + std::string(wrapper);
      if (!all_begin_with(names, longer)) continue;
      prefixes.push_back(std::move(longer));
      found = true;
    }
  }
  return prefixes;
}

std::vector<TensorInfo> weights_under(const std::vector<TensorInfo>& tensors,
                                      std::string_view prefix) {
  std::vector<TensorInfo> weights;
  for (const TensorInfo& info : tensors) {
    if (!info.name.starts_with(prefix) || is_training_state(info)) continue;
    weights.push_back(info);
    weights.back().name.erase(0, prefix.size());
  }
  return weights;
}

WeightsModel::WeightsModel(const TensorSource& file, std::string prefix)
    : file_(file), prefix_(std::move(prefix)), infos_(weights_under(file.tensors(), prefix_)) {}

TensorData WeightsModel::read(std::string_view name) const {
  if (find(name) == nullptr) throw MissingError("no such tensor", std::string(name));
  return file_.read(prefix_ + std::string(name));
}

Spec spec_of_weights(const Spec& file, const std::string& prefix,
                     const std::vector<TensorInfo>& weights) {
  Spec result{file.architecture, file.proof, file.groups, {}};
  for (const TensorInfo& info : weights) {
    const SpecTensor* tensor = file.find(prefix + info.name);
    if (tensor == nullptr) throw MissingError("the spec does not know this tensor", info.name);
    result.tensors.push_back(*tensor);
    result.tensors.back().name = info.name;
  }
  return result;
}

namespace {

/// Makes the spec of one file.
class StateSpec {
 public:
  StateSpec(const Spec& weights, const std::string& prefix, const std::vector<TensorInfo>& tensors,
            const std::optional<Outline>& outline, Moments moments)
      : weights_(weights),
        prefix_(prefix),
        tensors_(tensors),
        moments_(moments),
        parameters_(weights, prefix, outline, tensors) {
    for (const TensorInfo& info : tensors) shapes_.emplace(info.name, &info.shape);
  }

  Spec run() {
    Spec result{weights_.architecture, weights_.proof, weights_.groups, {}};
    for (const TensorInfo& info : tensors_) result.tensors.push_back(layout(info));
    return result;
  }

 private:
  SpecTensor layout(const TensorInfo& info) {
    if (is_training_state(info)) return state(info);
    if (info.name.starts_with(prefix_)) {
      SpecTensor tensor = *weights_.find(std::string_view(info.name).substr(prefix_.size()));
      tensor.name = info.name;
      return tensor;
    }
    if (const SpecTensor* original = original_of(info)) return like(info, *original);
    return fixed(info);
  }

  SpecTensor state(const TensorInfo& info) {
    const auto moment = parse_moment(info.name);
    if (moments_ == Moments::kLeave || element_count(info.shape).value_or(0) <= 1 || !moment)
      return fixed(info);
    const auto layout = moment_layout(*moment, info.shape, parameters_.of(*moment));
    if (!layout)
      throw Error(fmt::format("has shape {}, its parameter another one: how it moves is not known",
                              shape_text(info.shape)),
                  info.name);
    return like(info, *layout);
  }

  /// What a moving average of the weights is a copy of: "ema.fc1.weight", "average.3".
  const SpecTensor* original_of(const TensorInfo& info) {
    const std::string_view name = info.name;
    for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      const SpecTensor* found = weights_.find(name.substr(dot + 1));
      if (found != nullptr && is_copy(name.substr(0, dot + 1))) return found;
    }
    return parameters_.listed(info.name);
  }

  /// Whether a folder holds every weight that moves: reordered alike, it stays the function it is.
  bool is_copy(std::string_view folder) {
    const auto [known, fresh] = copies_.try_emplace(std::string(folder), true);
    if (!fresh) return known->second;
    for (const SpecTensor& weight : weights_.tensors) {
      const auto found = shapes_.find(std::string(folder) + weight.name);
      const bool there = found != shapes_.end();
      if (there ? !fits(weight, *found->second) : !is_buffer(weight.name) && weights_.moves(weight))
        known->second = false;
    }
    return known->second;
  }

  static SpecTensor like(const TensorInfo& info, const SpecTensor& layout) {
    return {info.name, layout.axes, false, layout.reshaped};
  }

  static SpecTensor fixed(const TensorInfo& info) {
    SpecTensor tensor{info.name, {}, false};
    for (const std::uint64_t length : info.shape) tensor.axes.push_back({length, {}});
    return tensor;
  }

  const Spec& weights_;
  const std::string& prefix_;
  const std::vector<TensorInfo>& tensors_;
  Moments moments_;
  OptimizerParameters parameters_;
  std::unordered_map<std::string, const Shape*> shapes_;
  std::map<std::string, bool> copies_;
};

}  // namespace

Spec spec_of_state(const Spec& weights, const std::string& prefix,
                   const std::vector<TensorInfo>& tensors, const std::optional<Outline>& outline,
                   Moments moments) {
  return StateSpec(weights, prefix, tensors, outline, moments).run();
}

}  // namespace mgit
