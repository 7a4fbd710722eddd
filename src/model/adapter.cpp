#include "model/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>

namespace mgit {
namespace {

/// What a tensor of an adapter is to the weight that its module has.
enum class Part : std::uint8_t {
  kDown,           // A: rank x inputs, of a convolution with its kernel behind
  kUp,             // B: outputs x rank
  kEmbeddingDown,  // rank x rows of the table
  kEmbeddingUp,    // columns of the table x rank
  kOutputs,        // a number for each output: a bias, DoRA's magnitudes
  kNumber,         // one for all, or between factors: alpha, a kernel of its own
  kWhole           // instead of the model's: a module that was trained whole, a bias
};

struct Marker {
  std::string_view text;
  Part part;
};

constexpr std::array kMarkers{
    Marker{".lora_A", Part::kDown},
    Marker{".lora_B", Part::kUp},
    Marker{".lora_embedding_A", Part::kEmbeddingDown},
    Marker{".lora_embedding_B", Part::kEmbeddingUp},
    Marker{".lora_magnitude_vector", Part::kOutputs},
    Marker{".lora_down", Part::kDown},
    Marker{".lora_up", Part::kUp},
    Marker{".lora_mid", Part::kNumber},
    Marker{".lora.down", Part::kDown},
    Marker{".lora.up", Part::kUp},
};

/// What other kinds of adapters have in their names, of which mgit knows no axes.
constexpr std::array<std::string_view, 9> kOtherKinds{
    "lora_", "hada_", "lokr_", "ia3_", "vera_", "oft_", "boft_", "prompt_embeddings", "dora_scale"};

/// What wrappers put before the names of a network, one after the other.
constexpr std::array<std::string_view, 8> kAround{"base_model.", "model.",       "module.",
                                                  "_orig_mod.",  "unet.",        "transformer.",
                                                  "text_model.", "text_encoder."};
constexpr std::array<std::string_view, 6> kFlatAround{
    "lora_unet_", "lora_te1_", "lora_te2_", "lora_te_", "lora_transformer_", "lora_prior_"};

template <std::size_t N>
std::string_view without(std::string_view name, const std::array<std::string_view, N>& wrappers) {
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : wrappers) {
      if (!name.starts_with(wrapper)) continue;
      name.remove_prefix(wrapper.size());
      found = true;
    }
  }
  return name;
}

struct Factor {
  Part part = Part::kWhole;
  std::string module;  // without wrappers; of kWhole the tensor's own name
  bool flat = false;   // with underscores for dots
};

Factor parse_factor(std::string_view name) {
  Factor factor;
  const auto named = [&](std::string_view module) {
    const std::string_view flat = without(module, kFlatAround);
    factor.flat = flat.size() < module.size();
    factor.module = factor.flat ? flat : without(module, kAround);
    return factor;
  };
  for (const Marker& marker : kMarkers) {
    const std::size_t at = name.find(marker.text);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = name.substr(at + marker.text.size());
    if (!rest.empty() && rest.front() != '.') continue;
    factor.part = marker.part;
    if (rest.ends_with(".bias")) factor.part = Part::kOutputs;
    return named(name.substr(0, at));
  }
  if (name.ends_with(".alpha")) {
    factor.part = Part::kNumber;
    return named(name.substr(0, name.size() - std::string_view(".alpha").size()));
  }
  constexpr std::string_view kSaved = ".modules_to_save.";
  constexpr std::string_view kWrapped = ".base_layer.";  // the bias of what has factors
  std::string whole(name);
  if (const std::size_t at = whole.find(kWrapped); at != std::string::npos)
    whole.erase(at, kWrapped.size() - 1);
  if (const std::size_t at = whole.find(kSaved); at != std::string::npos) {
    whole.erase(at, kSaved.size() - 1);
    // "head.modules_to_save.default.weight" is one that was saved with the adapter's name in it.
    const std::size_t dot = whole.find('.', at + 1);
    if (dot != std::string::npos) whole.erase(at, dot - at);
  }
  return named(whole);
}

std::string flattened(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// The weights of a model by what they are called without wrappers.
class WeightNames {
 public:
  explicit WeightNames(const std::vector<TensorInfo>& weights) {
    for (const TensorInfo& info : weights) {
      const std::string name(without(info.name, kAround));
      add(names_, name, info);
      add(flat_names_, flattened(name), info);
    }
  }

  /// nullptr: there is none, or there are two.
  const TensorInfo* find(const Factor& factor, std::string_view leaf) const {
    const auto& names = factor.flat ? flat_names_ : names_;
    const std::string separator = factor.flat ? "_" : ".";
    const auto found =
        names.find(leaf.empty() ? factor.module : factor.module + separator + std::string(leaf));
    return found == names.end() ? nullptr : found->second;
  }

 private:
  using Names = std::unordered_map<std::string, const TensorInfo*>;
  static void add(Names& names, const std::string& name, const TensorInfo& info) {
    const auto [at, fresh] = names.try_emplace(name, &info);
    if (!fresh) at->second = nullptr;
  }

  Names names_;
  Names flat_names_;
};

bool is_other_kind(std::string_view name) {
  return std::any_of(kOtherKinds.begin(), kOtherKinds.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

/// Where a tensor of the adapter stands: for each of its axes, that of the weight; nullopt: none.
struct Standing {
  const TensorInfo* weight = nullptr;
  std::vector<std::optional<std::size_t>> axes;
};

/// Finds the weights of one model that an adapter's tensors belong to.
class AdapterPlacing {
 public:
  /// `transposed` is asked where shapes do not tell whether the rows of a weight are its inputs.
  using Transposed = std::function<bool(const TensorInfo& weight)>;
  AdapterPlacing(const std::vector<TensorInfo>& weights, Transposed transposed)
      : names_(weights), transposed_(std::move(transposed)) {}

  /// Throws Error, with the tensor as its place, for what does not fit.
  Standing place(const TensorInfo& info) const {
    const Factor factor = parse_factor(info.name);
    if (factor.part == Part::kWhole) return whole(info, factor);
    const TensorInfo* weight = names_.find(factor, "weight");
    if (weight == nullptr)
      throw Error(fmt::format("the model has no weight '{}.weight'", factor.module), info.name);
    Standing standing{weight, std::vector<std::optional<std::size_t>>(info.rank())};
    if (factor.part == Part::kNumber) return standing;
    if (const auto axis = axis_of(info, factor.part); axis && weight->rank() >= 2) {
      const std::uint64_t length = info.shape[*axis];
      // Of a table the rows are what goes in.
      const bool inputs = factor.part == Part::kDown || factor.part == Part::kEmbeddingUp;
      const std::size_t usual = inputs ? 1 : 0;
      const bool as_usual = weight->shape[usual] == length;
      const bool otherwise = weight->rank() == 2 && weight->shape[1 - usual] == length &&
                             factor.part != Part::kEmbeddingDown &&
                             factor.part != Part::kEmbeddingUp;
      if (as_usual || otherwise) {
        const bool turned = otherwise && (!as_usual || transposed_(*weight));
        standing.axes[*axis] = turned ? 1 - usual : usual;
        return standing;
      }
    }
    throw Error(fmt::format("of shape {}, it does not fit {} {}", shape_text(info.shape),
                            weight->name, shape_text(weight->shape)),
                info.name);
  }

 private:
  Standing whole(const TensorInfo& info, const Factor& factor) const {
    const TensorInfo* weight = names_.find(factor, "");
    if (weight == nullptr)
      throw Error(is_other_kind(info.name) ? "an adapter of a kind that mgit does not know"
                                           : "the model has no such tensor",
                  info.name);
    if (weight->shape != info.shape)
      throw Error(fmt::format("of shape {}, {} has {}", shape_text(info.shape), weight->name,
                              shape_text(weight->shape)),
                  info.name);
    Standing standing{weight, {}};
    for (std::size_t axis = 0; axis < info.rank(); ++axis) standing.axes.emplace_back(axis);
    return standing;
  }

  /// Of the factor, the one that is the weight's.
  static std::optional<std::size_t> axis_of(const TensorInfo& info, Part part) {
    switch (part) {
      case Part::kDown:
      case Part::kEmbeddingDown:
        return info.rank() >= 2 ? std::optional<std::size_t>(1) : std::nullopt;
      case Part::kUp:
      case Part::kEmbeddingUp:
        return info.rank() >= 2 ? std::optional<std::size_t>(0) : std::nullopt;
      default:
        break;
    }
    std::optional<std::size_t> longest;
    for (std::size_t axis = 0; axis < info.rank(); ++axis) {
      if (longest && info.shape[*longest] > 1 && info.shape[axis] > 1) return std::nullopt;
      if (!longest || info.shape[axis] > 1) longest = axis;
    }
    return longest;
  }

  WeightNames names_;
  Transposed transposed_;
};

/// Conv1D has its inputs on the rows, and its bias, which it always has, on the columns.
bool bias_on_columns(const Spec& model, const TensorInfo& weight) {
  constexpr std::string_view kLeaf = "weight";
  if (!weight.name.ends_with(kLeaf)) return false;
  const std::string stem = weight.name.substr(0, weight.name.size() - kLeaf.size());
  const SpecTensor* bias = model.find(stem + "bias");
  const SpecTensor* tensor = model.find(weight.name);
  if (bias == nullptr || tensor == nullptr || bias->axes.size() != 1 || tensor->axes.size() != 2)
    return false;
  return bias->axes[0] == tensor->axes[1] && bias->axes[0] != tensor->axes[0];
}

/// The groups that stand somewhere, with those that they are families of.
std::vector<std::uint32_t> groups_on(const Spec& spec) {
  std::vector<bool> used(spec.groups.size(), false);
  for (const SpecTensor& tensor : spec.tensors)
    for (const SpecAxis& axis : tensor.axes)
      for (const Occurrence& place : axis.occurrences)
        for (std::optional<std::uint32_t> group = place.group; group;
             group = spec.groups[*group].outer)
          used[*group] = true;
  std::vector<std::uint32_t> result;
  for (std::uint32_t group = 0; group < used.size(); ++group)
    if (used[group]) result.push_back(group);
  return result;
}

/// Without groups that stand nowhere, in the canonical order.
CarriedAdapter canonical(Spec spec, const std::vector<TensorInfo>& adapter,
                         const Permutation& permutation) {
  const std::vector<std::uint32_t> kept = groups_on(spec);
  std::vector<std::uint32_t> numbers(spec.groups.size(), 0);
  std::vector<Group> groups;
  std::map<std::string, Gather> gathers;
  for (const std::uint32_t group : kept) {
    numbers[group] = static_cast<std::uint32_t>(groups.size());
    groups.push_back(spec.groups[group]);
    gathers[spec.groups[group].name] = permutation.groups[group];
  }
  for (Group& group : groups)
    if (group.outer) group.outer = numbers[*group.outer];
  for (SpecTensor& tensor : spec.tensors)
    for (SpecAxis& axis : tensor.axes)
      for (Occurrence& place : axis.occurrences) place.group = numbers[place.group];
  spec.groups = std::move(groups);
  CarriedAdapter carried{bind_recorded_spec(spec_text(spec), "adapter", adapter), {}};
  carried.spec.proof = spec.proof;
  for (const Group& group : carried.spec.groups)
    carried.permutation.groups.push_back(gathers.at(group.name));
  return carried;
}

}  // namespace

bool is_adapter(const std::string& path, const std::vector<TensorInfo>& tensors) {
  if (tensors.empty()) return false;
  const std::string_view file = std::string_view(path).substr(path.rfind('/') + 1);
  if (file.starts_with("adapter_model.")) return true;
  return std::all_of(tensors.begin(), tensors.end(), [](const TensorInfo& info) {
    return parse_factor(info.name).part != Part::kWhole || is_other_kind(info.name);
  });
}

std::optional<std::string> adapter_misfit(const std::vector<TensorInfo>& adapter,
                                          const std::vector<TensorInfo>& weights) {
  const AdapterPlacing placing(weights, [](const TensorInfo&) { return false; });
  try {
    for (const TensorInfo& info : adapter) placing.place(info);
  } catch (const Error& error) {
    return fmt::format("{}: {}", error.where(), error.what());
  }
  return std::nullopt;
}

CarriedAdapter carry_adapter(const std::vector<TensorInfo>& adapter,
                             const std::vector<TensorInfo>& weights, const Spec& model,
                             const Permutation& permutation) {
  const AdapterPlacing placing(
      weights, [&](const TensorInfo& weight) { return bias_on_columns(model, weight); });
  Spec spec{"adapter", model.proof, model.groups, {}};
  for (const TensorInfo& info : adapter) {
    const Standing standing = placing.place(info);
    const SpecTensor& weight = *model.find(standing.weight->name);
    SpecTensor tensor{info.name, {}};
    if (weight.reshaped && standing.weight->shape == info.shape && !standing.axes.empty() &&
        standing.axes.front()) {
      tensor.axes = weight.axes;
      tensor.reshaped = true;
    } else {
      for (std::size_t axis = 0; axis < info.rank(); ++axis) {
        const std::optional<std::size_t> from = standing.axes[axis];
        if (from && weight.reshaped && model.moves(weight))
          throw Error(fmt::format("the units of {} stand across both of its axes, which no factor "
                                  "has",
                                  weight.name),
                      info.name);
        tensor.axes.push_back(from && !weight.reshaped ? weight.axes[*from]
                                                       : SpecAxis{info.shape[axis], {}});
      }
    }
    spec.tensors.push_back(std::move(tensor));
  }
  std::sort(spec.tensors.begin(), spec.tensors.end(),
            [](const SpecTensor& a, const SpecTensor& b) { return a.name < b.name; });
  if (std::none_of(spec.tensors.begin(), spec.tensors.end(),
                   [&](const SpecTensor& tensor) { return spec.moves(tensor); }))
    return {};
  return canonical(std::move(spec), adapter, permutation);
}

}  // namespace mgit
