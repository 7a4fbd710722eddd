#include "merge/tensor_role.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace mgit {
namespace {

constexpr std::string_view kSeparators = ".:/_-";

// Ends of names. What stands before one, without separators, is the name's *stem*.
constexpr std::array<std::string_view, 12> kCodeWords{"qweight",   "q_weight",  "w_q",   "packed",
                                                      "blocks",    "qdata",     "data",  "int_data",
                                                      "quantized", "quantised", "codes", "qidxs"};
constexpr std::array<std::string_view, 42> kScaleWords{"scale",
                                                       "scales",
                                                       "scale_inv",
                                                       "scales_inv",
                                                       "scale_1",
                                                       "scale_2",
                                                       "global_scale",
                                                       "wscale",
                                                       "scale_weight",
                                                       "scale_input",
                                                       "scale_and_zero",
                                                       "scales_and_zeros",
                                                       "zero_point",
                                                       "zero_points",
                                                       "zero",
                                                       "zeros",
                                                       "qzeros",
                                                       "qscales",
                                                       "shift",
                                                       "biases",
                                                       "absmax",
                                                       "nested_absmax",
                                                       "quant_map",
                                                       "nested_quant_map",
                                                       "scb",
                                                       "g_idx",
                                                       "shape",
                                                       "format",
                                                       "weight_format",
                                                       "codebook",
                                                       "codebooks",
                                                       "codebook_id",
                                                       "centroids",
                                                       "centroids.weight",
                                                       "su",
                                                       "sv",
                                                       "q_scale",
                                                       "q_scale_max",
                                                       "q_groups",
                                                       "q_group_map",
                                                       "q_perm",
                                                       "q_invperm"};
constexpr std::array<std::string_view, 4> kZeroWords{"zero_point", "zero_points", "zero", "zeros"};

constexpr std::array<std::string_view, 9> kIndexWords{
    "ids", "id", "index", "indices", "indexes", "idx", "perm", "permutation", "offsets"};
constexpr std::array<std::string_view, 8> kCounterWords{
    "num_batches_tracked", "count", "counts", "counter", "step", "steps", "epoch", "histogram"};
constexpr std::array<std::string_view, 11> kMoments{
    "exp_avg",        "exp_avg_sq", "max_exp_avg_sq", "exp_avg_sq_row",
    "exp_avg_sq_col", "exp_inf",    "square_avg",     "momentum_buffer",
    "acc_delta",      "grad_avg",   "max_exp_inf"};

bool is_complex(DType dtype) { return dtype == DType::kC64 || dtype == DType::kC128; }

bool is_integer_like(DType dtype) {
  return !is_arithmetic(dtype) && !is_complex(dtype) && dtype != DType::kBool;
}

bool is_narrow(DType dtype) { return dtype_bits(dtype) <= 8; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view without_separators(std::string_view stem) {
  while (!stem.empty() && kSeparators.find(stem.back()) != std::string_view::npos)
    stem.remove_suffix(1);
  return stem;
}

bool ends_in_word(std::string_view name, std::string_view word) {
  if (!name.ends_with(word)) return false;
  return name.size() == word.size() ||
         kSeparators.find(name[name.size() - word.size() - 1]) != std::string_view::npos;
}

/// The longest of the words that `name` ends in; empty if none.
template <std::size_t N>
std::string_view last_word(std::string_view name, const std::array<std::string_view, N>& words) {
  std::string_view best;
  for (const std::string_view word : words)
    if (word.size() > best.size() && ends_in_word(name, word)) best = word;
  return best;
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view leaf_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

/// The name of a tensor, taken apart.
struct ParsedName {
  std::string lowered;
  std::string_view stem;    // of the name as it is; the whole name if it ends in no word
  std::string_view word{};  // of `lowered`'s end: a code word, or a scale word
  bool code_word = false;
};

namespace {

ParsedName parse_name(std::string_view name) {
  ParsedName parsed{lower(name), name};
  if (const std::size_t state = parsed.lowered.find(".quant_state"); state != std::string::npos) {
    parsed.word = "quant_state";
    parsed.stem = name.substr(0, state);
    return parsed;
  }
  const std::string_view code = last_word(parsed.lowered, kCodeWords);
  const std::string_view scale = last_word(parsed.lowered, kScaleWords);
  parsed.code_word = code.size() > scale.size();
  parsed.word = parsed.code_word ? code : scale;
  parsed.stem = without_separators(name.substr(0, name.size() - parsed.word.size()));
  return parsed;
}

/// The state of one of PyTorch's random generators: Mersenne twister, CUDA's.
bool is_generator(const TensorInfo& info, std::string_view name) {
  if (info.dtype != DType::kU8 || info.rank() != 1) return false;
  const std::uint64_t bytes = info.shape.front();
  return bytes == 5056 ||
         ((bytes == 16 || bytes == 816) && name.find("cuda") != std::string_view::npos);
}

std::string_view role_noun(TensorRole role) {
  switch (role) {
    case TensorRole::kCounter:
      return "counter";
    case TensorRole::kIndex:
      return "index";
    case TensorRole::kMask:
      return "mask";
    case TensorRole::kTrainingState:
      return "tensor of the training's state";
    case TensorRole::kCalibration:
      return "scale or zero point of fake quantisation";
    default:
      return "tensor";
  }
}

std::string counted(TensorRole role, std::size_t count) {
  const std::string_view noun = role_noun(role);
  if (count == 1) return fmt::format("1 {}", noun);
  switch (role) {
    case TensorRole::kIndex:
      return fmt::format("{} indexes", count);
    case TensorRole::kTrainingState:
      return fmt::format("{} tensors of the training's state", count);
    case TensorRole::kCalibration:
      return fmt::format("{} scales and zero points of fake quantisation", count);
    default:
      return fmt::format("{} {}s", count, noun);
  }
}

}  // namespace

bool is_training_state(const TensorInfo& info) {
  const std::string name = lower(info.name);
  const std::string_view leaf = leaf_of(name);
  if (std::find(kMoments.begin(), kMoments.end(), leaf) != kMoments.end()) return true;
  if (name.find("rng_state") != std::string::npos || is_generator(info, name)) return true;
  std::string_view previous;
  for (std::string_view rest = name;;) {
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return false;  // the leaf is no folder
    const std::string_view folder = rest.substr(0, dot);
    if (folder.starts_with("optim") || folder.starts_with("lr_sched")) return true;
    const bool numbered = dot + 1 < rest.size() && rest[dot + 1] >= '0' && rest[dot + 1] <= '9';
    if (folder == "state" && (previous.starts_with("opt") || (numbered && leaf == "step")))
      return true;
    previous = folder;
    rest.remove_prefix(dot + 1);
  }
  return false;
}

/// Finds roles and units of one network.
class RoleFinder {
 public:
  explicit RoleFinder(TensorRoles& result) : result_(result), tensors_(result.tensors_) {}

  void run() {
    const std::size_t count = tensors_.size();
    result_.roles_.assign(count, TensorRole::kAveraged);
    result_.unit_of_.assign(count, std::nullopt);
    parent_.resize(count);
    std::iota(parent_.begin(), parent_.end(), 0U);
    quanta_.assign(count, false);
    bool only_numbers = true;
    for (std::size_t i = 0; i < count; ++i) {
      names_.push_back(parse_name(tensors_[i].name));
      result_.roles_[i] = role_alone(i);
      only_numbers = only_numbers && is_arithmetic(tensors_[i].dtype);
    }
    if (!only_numbers) {
      find_codes();
      join_scales();
      join_neighbours();
      make_units();
    }
    find_pruned();
  }

 private:
  bool is_state(std::size_t i) const { return result_.roles_[i] == TensorRole::kTrainingState; }

  std::uint64_t elements(std::size_t i) const {
    return element_count(tensors_[i].shape).value_or(UINT64_MAX);
  }

  /// As it would be if no other tensor were there.
  TensorRole role_alone(std::size_t i) const {
    const TensorInfo& info = tensors_[i];
    const std::string& name = names_[i].lowered;
    if (is_training_state(info)) return TensorRole::kTrainingState;
    if (is_arithmetic(info.dtype)) return TensorRole::kAveraged;
    if (is_complex(info.dtype)) return TensorRole::kComplex;
    const bool mask = info.dtype == DType::kBool || ends_in_word(name, "mask") ||
                      (leaf_of(name) == "bias" && info.dtype == DType::kU8 && info.rank() > 2) ||
                      leaf_of(name) == "masked_bias";
    if (mask) return TensorRole::kMask;
    if (!last_word(name, kIndexWords).empty()) return TensorRole::kIndex;
    return TensorRole::kCounter;
  }

  bool named_otherwise(std::size_t i) const {
    const TensorRole role = result_.roles_[i];
    return role == TensorRole::kIndex || role == TensorRole::kMask ||
           !last_word(names_[i].lowered, kCounterWords).empty();
  }

  void find_codes() {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const TensorInfo& info = tensors_[i];
      if (is_state(i) || !is_integer_like(info.dtype) || elements(i) <= 1) continue;
      const bool shaped = is_narrow(info.dtype) || info.rank() >= 2;
      quanta_[i] = names_[i].word.empty() ? shaped && !named_otherwise(i) : names_[i].code_word;
      if (quanta_[i]) {
        by_stem_[names_[i].stem].push_back(i);
        by_folder_[parent_of(names_[i].stem)].push_back(i);
      }
    }
  }

  /// Scales belong to the codes of their stem, else to those of the module that it names, else to
  /// those beside it: weight_scale to weight, qzeros and scale to their module's, input_scale too.
  void join_scales() {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (is_state(i) || names_[i].word.empty()) continue;
      const std::string_view stem = names_[i].stem;
      if (join(i, by_stem_, stem) | join(i, by_folder_, stem)) continue;
      const std::string_view folder = parent_of(stem);
      if (folder.empty()) continue;
      join(i, by_stem_, folder);
      join(i, by_folder_, folder);
    }
  }

  using Codes = std::unordered_map<std::string_view, std::vector<std::size_t>>;

  bool join(std::size_t i, const Codes& codes, std::string_view key) {
    const auto found = codes.find(key);
    if (found == codes.end()) return false;
    for (const std::size_t each : found->second) unite(i, each);
    return true;
  }

  /// Beside codes: a bias of integers, and numbers too few to be weights, which some scheme with
  /// other names uses to read them.
  void join_neighbours() {
    constexpr std::uint64_t kFewer = 4;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::string_view name = tensors_[i].name;
      const std::string_view folder = parent_of(name);
      if (folder.empty() || is_state(i) || quanta_[i] || !names_[i].word.empty()) continue;
      const bool bias = leaf_of(name) == "bias";
      const bool number = is_arithmetic(tensors_[i].dtype);
      if (number == bias || (!number && !is_integer_like(tensors_[i].dtype))) continue;
      if (name.find("lora_") != std::string_view::npos) continue;
      for (const Codes* codes : {&by_folder_, &by_stem_}) {
        const auto found = codes->find(folder);
        if (found == codes->end()) continue;
        for (const std::size_t each : found->second)
          if (bias || elements(i) <= elements(each) / kFewer) unite(i, each);
      }
    }
  }

  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  void unite(std::size_t a, std::size_t b) { parent_[root(a)] = root(b); }

  void make_units() {
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      if (!is_state(i)) members[root(i)].push_back(i);
    for (auto& [_, unit] : members) {
      const auto code = std::find_if(unit.begin(), unit.end(), [&](std::size_t i) {
        return quanta_[i] || (is_integer_like(tensors_[i].dtype) && is_narrow(tensors_[i].dtype) &&
                              elements(i) > 1 && !named_otherwise(i));
      });
      if (code != unit.end())
        add_unit(TensorRole::kQuantised, unit, *code);
      else if (unit.size() == 1 && result_.roles_[unit.front()] == TensorRole::kComplex)
        add_unit(TensorRole::kComplex, unit, unit.front());
    }
    calibrate();
  }

  /// Integer zero points without codes, and the numbers of their stem.
  void calibrate() {
    std::unordered_map<std::string_view, std::vector<std::size_t>> by_stem;
    std::unordered_set<std::string_view> with_zeros;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (is_state(i) || names_[i].word.empty() || result_.unit_of_[i]) continue;
      by_stem[names_[i].stem].push_back(i);
      const bool zero =
          std::find(kZeroWords.begin(), kZeroWords.end(), names_[i].word) != kZeroWords.end();
      if (zero && is_integer_like(tensors_[i].dtype)) with_zeros.insert(names_[i].stem);
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::string_view stem = names_[i].stem;
      if (result_.unit_of_[i] || !with_zeros.contains(stem)) continue;
      const std::vector<std::size_t>& unit = by_stem[stem];
      if (unit.front() == i && unit.size() > 1) add_unit(TensorRole::kCalibration, unit, i);
    }
  }

  void add_unit(TensorRole role, const std::vector<std::size_t>& members, std::size_t head) {
    for (const std::size_t i : members) {
      result_.roles_[i] = role;
      result_.unit_of_[i] = result_.units_.size();
    }
    result_.units_.push_back({members, head});
  }

  /// The masks of torch.nn.utils.prune are numbers: weight_mask beside weight_orig.
  void find_pruned() {
    constexpr std::string_view kMask = "_mask";
    std::unordered_set<std::string_view> originals;
    for (const TensorInfo& info : tensors_)
      if (info.name.ends_with("_orig")) originals.insert(info.name);
    if (originals.empty()) return;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::string_view name = tensors_[i].name;
      if (!name.ends_with(kMask) || result_.unit_of_[i] || is_state(i)) continue;
      const std::string original(name.substr(0, name.size() - kMask.size()));
      if (originals.contains(original + "_orig")) result_.roles_[i] = TensorRole::kMask;
    }
  }

  TensorRoles& result_;
  const std::vector<TensorInfo>& tensors_;
  std::vector<ParsedName> names_;
  std::vector<bool> quanta_;
  Codes by_stem_;  // codes by their stem, and by the module that it is in
  Codes by_folder_;
  std::vector<std::size_t> parent_;
};

TensorRoles::TensorRoles(std::vector<TensorInfo> tensors) : tensors_(std::move(tensors)) {
  RoleFinder(*this).run();
}

const TensorUnit* TensorRoles::unit_of(std::size_t tensor) const {
  return unit_of_[tensor] ? &units_[*unit_of_[tensor]] : nullptr;
}

bool TensorRoles::is_code(std::size_t tensor) const {
  return unit_of_[tensor].has_value() && !is_arithmetic(tensors_[tensor].dtype);
}

namespace {

/// One settling under way.
class Settling {
 public:
  Settling(const TensorRoles& roles, const RoleSides& sides) : roles_(roles), sides_(sides) {
    verdict_.taken.resize(roles.tensors().size());
  }

  RoleVerdict run() {
    for (const TensorUnit& unit : roles_.units()) settle(unit);
    for (std::size_t i = 0; i < roles_.tensors().size(); ++i)
      if (roles_.of(i) != TensorRole::kAveraged && roles_.unit_of(i) == nullptr)
        take({i}, deciding({i}));
    describe();
    return std::move(verdict_);
  }

 private:
  bool alike(std::size_t tensor, const std::vector<std::size_t>& sides) const {
    const Digest first = sides_.content(sides.front(), tensor);
    return std::all_of(sides.begin() + 1, sides.end(),
                       [&](std::size_t side) { return sides_.content(side, tensor) == first; });
  }

  /// Sides that decide one of the tensors; ours, if none does.
  std::vector<std::size_t> deciding(const std::vector<std::size_t>& tensors) const {
    std::vector<std::size_t> result;
    for (std::size_t side = 0; side < sides_.count; ++side)
      if (std::any_of(tensors.begin(), tensors.end(),
                      [&](std::size_t tensor) { return sides_.decides(side, tensor); }))
        result.push_back(side);
    if (result.empty()) result.push_back(0);
    return result;
  }

  void settle(const TensorUnit& unit) {
    const std::vector<std::size_t> sides = deciding(unit.members);
    const auto differs = [&](std::size_t i) { return !alike(i, sides); };
    const auto code_differs = [&](std::size_t i) { return roles_.is_code(i) && differs(i); };
    if (std::none_of(unit.members.begin(), unit.members.end(), differs))
      return take(unit.members, sides);
    if (std::none_of(unit.members.begin(), unit.members.end(), code_differs)) return;
    if (roles_.of(unit.head) == TensorRole::kCalibration) return take(unit.members, sides);
    verdict_.conflicts.push_back(describe_conflict(unit));
  }

  /// From those that decide, if they agree; else ours, and said.
  void take(const std::vector<std::size_t>& tensors, const std::vector<std::size_t>& sides) {
    const bool agreed =
        std::all_of(tensors.begin(), tensors.end(), [&](std::size_t i) { return alike(i, sides); });
    for (const std::size_t i : tensors) verdict_.taken[i] = agreed ? sides.front() : 0;
    if (!agreed)
      for (const std::size_t i : tensors) kept_[roles_.of(i)].push_back(i);
  }

  std::string describe_conflict(const TensorUnit& unit) const {
    const TensorInfo& head = roles_.tensors()[unit.head];
    if (unit.members.size() == 1)
      return fmt::format("{}: {} here and there, which cannot be averaged", head.name,
                         dtype_name(head.dtype));
    const std::size_t other =
        unit.members.front() == unit.head ? unit.members[1] : unit.members.front();
    return fmt::format(
        "{}: {} with {}{}, other codes here and there, which cannot be averaged", head.name,
        dtype_name(head.dtype), roles_.tensors()[other].name,
        unit.members.size() > 2 ? fmt::format(" and {} more", unit.members.size() - 2) : "");
  }

  void describe() {
    constexpr std::size_t kNamed = 2;
    for (const auto& [role, tensors] : kept_) {
      std::string names;
      for (std::size_t i = 0; i < std::min(kNamed, tensors.size()); ++i)
        names += (i > 0 ? ", " : "") + roles_.tensors()[tensors[i]].name;
      if (tensors.size() > kNamed) names += ", ...";
      verdict_.left_out += fmt::format("{}{} ({})", verdict_.left_out.empty() ? "" : ", ",
                                       counted(role, tensors.size()), names);
    }
  }

  const TensorRoles& roles_;
  const RoleSides& sides_;
  RoleVerdict verdict_;
  std::map<TensorRole, std::vector<std::size_t>> kept_;
};

}  // namespace

RoleVerdict settle_roles(const TensorRoles& roles, const RoleSides& sides) {
  return Settling(roles, sides).run();
}

}  // namespace mgit
