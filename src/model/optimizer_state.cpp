#include "model/optimizer_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "merge/tensor_role.h"

namespace mgit {
namespace {

constexpr std::size_t kMostGroups = 4;  // their arrangements are tried

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Parameters with the same axes need not be told apart.
bool same_moves(const std::map<std::string, const SpecTensor*>& a,
                const std::map<std::string, const SpecTensor*>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.first == other.first && one.second->axes == other.second->axes;
  });
}

[[noreturn]] void unknown(const Moment& moment, const std::string& why) {
  throw Error("which parameter it belongs to cannot be known: " + why, moment.name);
}

}  // namespace

bool is_buffer(std::string_view name) {
  return name.ends_with("running_mean") || name.ends_with("running_var") ||
         name.ends_with("num_batches_tracked");
}

std::optional<Moment> parse_moment(std::string_view name) {
  constexpr std::string_view kState = "state.";
  const std::size_t last = name.rfind('.');
  const std::size_t found = name.starts_with(kState) ? 0 : name.find("." + std::string(kState));
  if (found == std::string_view::npos || last == std::string_view::npos) return std::nullopt;
  const std::size_t begin = found + kState.size() + (found == 0 ? 0 : 1);
  if (last <= begin) return std::nullopt;
  return Moment{std::string(name), std::string(name.substr(0, found)),
                std::string(name.substr(begin, last - begin)), std::string(name.substr(last + 1))};
}

std::optional<SpecTensor> moment_layout(const Moment& moment, const Shape& shape,
                                        const SpecTensor& parameter) {
  SpecTensor layout = parameter;
  auto& axes = layout.axes;
  const auto rank = static_cast<std::ptrdiff_t>(axes.size());
  const bool factored = rank >= 2 && !parameter.reshaped;
  if (factored && moment.kind == "exp_avg_sq_row") axes.erase(axes.begin() + rank - 1);
  if (factored && moment.kind == "exp_avg_sq_col") axes.erase(axes.begin() + rank - 2);
  if (!fits(layout, shape)) return std::nullopt;
  return layout;
}

OptimizerParameters::OptimizerParameters(const Spec& weights, const std::string& prefix,
                                         const std::optional<Outline>& outline,
                                         const std::vector<TensorInfo>& tensors)
    : weights_(weights), prefix_(prefix), outline_(outline), tensors_(tensors) {
  find_order();
}

/// Tied parameters count once, as Module.parameters() has them.
void OptimizerParameters::find_order() {
  if (!outline_) return;
  std::unordered_map<std::string_view, const TensorInfo*> infos;
  for (const TensorInfo& info : tensors_) infos.emplace(info.name, &info);
  std::set<std::tuple<std::string_view, std::uint64_t, Shape>> seen;  // by network
  std::map<std::string_view, std::size_t> folders;
  for (const OutlineTensor& tensor : outline_->tensors) {
    const auto info = infos.find(tensor.name);
    if (info == infos.end() || is_buffer(tensor.name) || is_training_state(*info->second) ||
        !is_arithmetic(info->second->dtype))
      continue;
    const bool ours = tensor.name.starts_with(prefix_);
    const std::string_view folder =
        std::string_view(tensor.name).substr(0, ours ? prefix_.size() : tensor.name.find('.'));
    if (tensor.place != 0 && !seen.emplace(folder, tensor.place, info->second->shape).second)
      continue;
    if (ours) {
      const auto name = std::string_view(tensor.name).substr(prefix_.size());
      if (const SpecTensor* found = weights_.find(name)) order_.push_back(found);
      continue;
    }
    const auto [known, fresh] = folders.try_emplace(folder, others_.size());
    if (fresh) others_.emplace_back();
    fixed_.push_back({tensor.name, {}, false});
    for (const std::uint64_t length : info->second->shape)
      fixed_.back().axes.push_back({length, {}});
    others_[known->second].push_back(&fixed_.back());
  }
}

const SpecTensor& OptimizerParameters::of(const Moment& moment) {
  const Assignment& known = assignment(moment);
  const auto found = known.find(moment.parameter);
  if (found == known.end()) unknown(moment, "the network has no parameter " + moment.parameter);
  return *found->second;
}

const OptimizerParameters::Assignment& OptimizerParameters::assignment(const Moment& moment) {
  const auto [found, fresh] = assignments_.try_emplace(moment.optimizer);
  if (!fresh) return found->second;
  if (is_number(moment.parameter)) return found->second = by_number(moment);
  for (const TensorInfo& info : tensors_) {
    const auto other = parse_moment(info.name);
    if (!other || other->optimizer != moment.optimizer) continue;
    if (const SpecTensor* parameter = by_name(other->parameter))
      found->second.emplace(other->parameter, parameter);
  }
  return found->second;
}

/// Optimizers of a wrapped network may or may not have the wrapper's prefix.
const SpecTensor* OptimizerParameters::by_name(std::string_view name) const {
  for (std::size_t begin = 0; begin != std::string_view::npos;) {
    if (const SpecTensor* found = weights_.find(name.substr(begin))) return found;
    const std::size_t dot = name.find('.', begin);
    begin = dot == std::string_view::npos ? dot : dot + 1;
  }
  return nullptr;
}

/// The numbers in param_groups, group by group.
OptimizerParameters::Groups OptimizerParameters::groups_of(const std::string& optimizer) const {
  const std::string prefix = (optimizer.empty() ? "" : optimizer + ".") + "param_groups.";
  std::map<std::size_t, std::map<std::size_t, std::string>> groups;
  for (const OutlineScalar& scalar : outline_->scalars) {
    if (!scalar.name.starts_with(prefix)) continue;
    const std::string_view rest = std::string_view(scalar.name).substr(prefix.size());
    const std::size_t dot = rest.find(".params.");
    if (dot == std::string_view::npos) continue;
    const auto group = number_of(rest.substr(0, dot));
    const auto place = number_of(rest.substr(dot + std::string_view(".params.").size()));
    if (group && place) groups[*group][*place] = scalar.value;
  }
  std::vector<std::vector<std::string>> result;
  for (const auto& [_, members] : groups) {
    result.emplace_back();
    for (const auto& [place, number] : members) result.back().push_back(number);
  }
  return result;
}

/// PyTorch 2.6 and later write the names, if the optimizer was given them.
std::optional<OptimizerParameters::Assignment> OptimizerParameters::by_given_names(
    const std::string& optimizer) const {
  const std::string prefix = (optimizer.empty() ? "" : optimizer + ".") + "param_groups.";
  std::unordered_map<std::string, std::string> values;
  for (const OutlineScalar& scalar : outline_->scalars)
    if (scalar.name.starts_with(prefix)) values.emplace(scalar.name, scalar.value);
  Assignment result;
  for (const auto& [name, value] : values) {
    constexpr std::string_view kNames = ".param_names.";
    const std::size_t at = name.find(kNames);
    if (at == std::string::npos) continue;
    const auto number =
        values.find(name.substr(0, at) + ".params." + name.substr(at + kNames.size()));
    const SpecTensor* parameter = by_name(value);
    if (number == values.end() || parameter == nullptr) return std::nullopt;
    result.emplace(number->second, parameter);
  }
  if (result.empty()) return std::nullopt;
  return result;
}

/// Why moments do not fit their parameters; empty if they do.
std::string OptimizerParameters::misfit(const std::string& optimizer,
                                        const Assignment& assignment) const {
  for (const TensorInfo& info : tensors_) {
    const auto moment = parse_moment(info.name);
    if (!moment || moment->optimizer != optimizer || element_count(info.shape).value_or(0) <= 1)
      continue;
    const auto found = assignment.find(moment->parameter);
    if (found == assignment.end())
      return fmt::format("{} is of no parameter in param_groups", info.name);
    if (!moment_layout(*moment, info.shape, *found->second))
      return fmt::format("{} is {}, parameter {} in the network's order is {}", info.name,
                         shape_text(info.shape), found->second->name,
                         shape_text(found->second->shape()));
  }
  return {};
}

OptimizerParameters::Assignment OptimizerParameters::by_number(const Moment& moment) const {
  if (weights_.tensors.empty()) unknown(moment, "the weights are in another file");
  if (!outline_) unknown(moment, "the file does not say in which order its tensors were saved");
  if (const auto named = by_given_names(moment.optimizer)) {
    const std::string why = misfit(moment.optimizer, *named);
    if (!why.empty()) unknown(moment, why);
    return *named;
  }
  const Groups groups = groups_of(moment.optimizer);
  if (groups.size() > kMostGroups)
    unknown(moment, fmt::format("there are {} groups of parameters, without names", groups.size()));
  std::string why;
  const std::vector<Assignment> fitting = fitting_to(moment.optimizer, groups, order_, why);
  if (fitting.size() > 1)
    unknown(moment, fmt::format("its {} groups of parameters fit the network in several ways",
                                groups.size()));
  if (!fitting.empty()) return fitting.front();
  // It may be of a network that is beside ours in the file, and stays as it is.
  for (const std::vector<const SpecTensor*>& order : others_) {
    std::string ignored;
    const std::vector<Assignment> of_other = fitting_to(moment.optimizer, groups, order, ignored);
    if (!of_other.empty()) return of_other.front();
  }
  unknown(moment, why);
}

/// The assignments under which the optimizer's tensors have the shapes of these parameters, as far
/// as they move differently; if there are none, `why`.
std::vector<OptimizerParameters::Assignment> OptimizerParameters::fitting_to(
    const std::string& optimizer, const Groups& groups, const std::vector<const SpecTensor*>& order,
    std::string& why) const {
  std::size_t count = 0;
  for (const std::vector<std::string>& group : groups) count += group.size();
  if (count != order.size()) {
    why = fmt::format("the optimizer has {} parameters, the network {}", count, order.size());
    return {};
  }
  std::vector<Assignment> fitting;
  for (Assignment& candidate : candidates(groups, order)) {
    const std::string misfits = misfit(optimizer, candidate);
    const auto alike = [&](const Assignment& other) { return same_moves(candidate, other); };
    if (!misfits.empty()) {
      if (why.empty()) why = misfits;
    } else if (std::none_of(fitting.begin(), fitting.end(), alike)) {
      fitting.push_back(std::move(candidate));
    }
  }
  return fitting;
}

/// Parameters in the network's order, group after group, whichever group is the network's first
/// part; and for two groups, weights that decay and those that do not.
std::vector<OptimizerParameters::Assignment> OptimizerParameters::candidates(
    const Groups& groups, const std::vector<const SpecTensor*>& in_order) const {
  std::vector<Assignment> result;
  std::vector<std::size_t> arrangement(groups.size());
  std::iota(arrangement.begin(), arrangement.end(), 0U);
  do {
    Assignment assignment;
    std::size_t at = 0;
    for (const std::size_t group : arrangement)
      for (const std::string& number : groups[group]) assignment.emplace(number, in_order[at++]);
    result.push_back(std::move(assignment));
  } while (std::next_permutation(arrangement.begin(), arrangement.end()));
  if (groups.size() != 2) return result;
  for (const std::size_t decaying : {0U, 1U}) {
    std::vector<const SpecTensor*> order = in_order;
    const auto middle = std::stable_partition(
        order.begin(), order.end(), [](const SpecTensor* each) { return each->axes.size() >= 2; });
    if (middle - order.begin() != static_cast<std::ptrdiff_t>(groups[decaying].size())) continue;
    Assignment assignment;
    std::size_t at = 0;
    for (const std::size_t group : {decaying, 1 - decaying})
      for (const std::string& number : groups[group]) assignment.emplace(number, order[at++]);
    result.push_back(std::move(assignment));
  }
  return result;
}

const SpecTensor* OptimizerParameters::listed(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || order_.empty()) return nullptr;
  const auto number = number_of(std::string_view(name).substr(dot + 1));
  if (!number || *number >= order_.size()) return nullptr;
  const std::string folder = name.substr(0, dot + 1);
  const auto [known, fresh] = lists_.try_emplace(folder, false);
  if (fresh) {
    std::size_t fitting = 0;
    std::size_t all = 0;
    for (const TensorInfo& info : tensors_) {
      if (!info.name.starts_with(folder)) continue;
      ++all;
      const auto place = number_of(std::string_view(info.name).substr(folder.size()));
      if (place && *place < order_.size() && fits(*order_[*place], info.shape)) ++fitting;
    }
    known->second = fitting == order_.size() && all == fitting;
  }
  return known->second ? order_[*number] : nullptr;
}

}  // namespace mgit
