#include "perm/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "perm/layout.h"
#include "perm/matching.h"
#include "perm/natural_order.h"

namespace mgit::speclang {
namespace {

constexpr std::size_t kShownReasons = 3;
constexpr std::size_t kMaxCombinations = 200'000;

std::string headline(const std::vector<std::string>& reasons) {
  std::string text = "does not fit the network: ";
  for (std::size_t i = 0; i < std::min(reasons.size(), kShownReasons); ++i)
    text += (i > 0 ? "; " : "") + reasons[i];
  if (reasons.size() > kShownReasons)
    text += fmt::format("; and {} more reasons", reasons.size() - kShownReasons);
  return text;
}

struct Axis {
  BoundLayout layout;
  Position position;
  bool solved = false;
};

struct Covered {
  const TensorInfo* info = nullptr;
  std::vector<Axis> axes;
  bool match = true;
};

/// Binds one spec file to one network; both outlive it. For one run, after which it is spent;
/// throws Error that names the line and the tensor at odds.
class Binder {
 public:
  Binder(const SpecFile& file, const std::vector<TensorInfo>& network)
      : file_(file), matcher_(file, network) {
    for (const TensorInfo& tensor : network) network_.push_back(&tensor);
    std::sort(network_.begin(), network_.end(),
              [](const auto* a, const auto* b) { return a->name < b->name; });
    for (std::size_t i = 1; i < network_.size(); ++i)
      if (network_[i]->name == network_[i - 1]->name)
        throw Error("two tensors have the same name", network_[i]->name);
  }

  Spec run() {
    if (!file_.unsupported.empty())
      throw Error(file_.unsupported.front().what + " is not supported yet",
                  file_.where(file_.unsupported.front().position));
    sort_lines();
    cover();
    unify();
    stop_if_misfit();
    solve_sizes();
    stop_if_misfit();
    Spec spec = assemble();
    check_joins(spec);
    stop_if_misfit();
    return spec;
  }

 private:
  void reason(std::string text) { reasons_.push_back(std::move(text)); }
  void reason(Position position, const std::string& text) {
    reason(fmt::format("{}:{}: {}", position.line, position.column, text));
  }
  void stop_if_misfit() {
    if (!reasons_.empty()) throw Misfit(std::move(reasons_), file_.name);
  }

  /// Literal names are looked up; only patterns have to be tried one by one.
  void sort_lines() {
    for (std::size_t i = 0; i < file_.tensors.size(); ++i) {
      if (const std::string* name = file_.tensors[i].key.literal()) {
        literal_lines_[*name].push_back(i);
      } else {
        pattern_lines_.push_back(i);
      }
    }
    for (const PermLine& perm : file_.perms) {
      if (const std::string* name = perm.name.literal()) {
        if (!literal_perms_.emplace(*name, &perm).second)
          throw Error(fmt::format("group '{}' is declared twice", *name),
                      file_.where(perm.name.position));
        intern(*name, perm.name.position);
      } else {
        pattern_perms_.push_back(&perm);
      }
    }
  }

  void cover() {
    for (const TensorInfo* tensor : network_) {
      std::vector<std::size_t> candidates = pattern_lines_;
      if (const auto literal = literal_lines_.find(tensor->name); literal != literal_lines_.end()) {
        candidates.insert(candidates.end(), literal->second.begin(), literal->second.end());
        std::sort(candidates.begin(), candidates.end());
      }
      const TensorLine* near_miss = nullptr;
      if (!std::any_of(candidates.begin(), candidates.end(), [&](std::size_t line) {
            return applies(file_.tensors[line], *tensor, near_miss);
          }))
        uncovered(*tensor, near_miss);
    }
  }

  void uncovered(const TensorInfo& tensor, const TensorLine* near_miss) {
    if (near_miss == nullptr) return reason(fmt::format("no line covers tensor '{}'", tensor.name));
    reason(near_miss->key.position,
           fmt::format("tensor '{}' has {} axes, the line has {}", tensor.name, tensor.rank(),
                       near_miss->axes.size()));
  }

  /// Covers the tensor if the line is for it.
  bool applies(const TensorLine& line, const TensorInfo& tensor, const TensorLine*& near_miss) {
    const auto bindings = matcher_.match(line.key, tensor.name);
    if (!bindings || !matcher_.holds(line.conditions, *bindings)) return false;
    if (!line.skip && line.axes.size() != tensor.rank()) {
      if (near_miss == nullptr) near_miss = &line;
      return false;
    }
    Covered covered;
    covered.info = &tensor;
    covered.match = line.match;
    for (const Layout& axis : line.axes) {
      auto layout = bind_layout(axis, *bindings);
      if (!layout) return false;
      simplify(*layout);
      covered.axes.push_back({std::move(*layout), axis.position});
    }
    if (line.skip) covered.axes.assign(tensor.rank(), {BoundLayout(), line.key.position});
    covered_.push_back(std::move(covered));
    return true;
  }

  /// nullopt if a name in it says that the line does not apply.
  std::optional<BoundLayout> bind_layout(const Layout& layout, const Bindings& bindings) {
    BoundLayout result;
    result.kind = static_cast<BoundLayout::Kind>(layout.kind);
    result.size = layout.size;
    result.count = layout.count;
    if (layout.kind == Layout::Kind::kGroup) {
      const Evaluated name = matcher_.evaluate(layout.name, bindings);
      if (name.absence == Absence::kInapplicable) return std::nullopt;
      if (name.absence == Absence::kNoMember) return BoundLayout();
      result.group = intern(name.text, layout.position);
    }
    for (const Layout& part : layout.parts) {
      auto bound = bind_layout(part, bindings);
      if (!bound) return std::nullopt;
      result.parts.push_back(std::move(*bound));
    }
    return result;
  }

  std::uint32_t intern(const std::string& name, Position position) {
    const auto [entry, fresh] = numbers_.try_emplace(name, 0U);
    if (!fresh) return entry->second;
    const PermLine* perm = declaration(name);
    if (perm == nullptr)
      throw Error(fmt::format("group '{}' is not declared", name), file_.where(position),
                  fmt::format("perm {}", name));
    entry->second = groups_.add();
    names_.push_back(name);
    positions_.push_back(perm->name.position);
    if (perm->size) groups_.set_size(entry->second, *perm->size);
    return entry->second;
  }

  const PermLine* declaration(const std::string& name) const {
    if (const auto literal = literal_perms_.find(name); literal != literal_perms_.end())
      return literal->second;
    for (const PermLine* perm : pattern_perms_)
      if (matcher_.match_declaration(perm->name, name)) return perm;
    return nullptr;
  }

  void unify() {
    std::size_t budget = kMaxCombinations;
    for (const SameLine& same : file_.sames)
      matcher_.enumerate({&same.name, &same.as}, same.name.position, budget,
                         [&](const Bindings& bindings) {
                           const Evaluated name = matcher_.evaluate(same.name, bindings);
                           const Evaluated as = matcher_.evaluate(same.as, bindings);
                           if (std::max(name.absence, as.absence) != Absence::kNone) return;
                           if (!matcher_.holds(same.conditions, bindings)) return;
                           unite(intern(name.text, same.name.position),
                                 intern(as.text, same.as.position), same.name.position);
                         });
    for (const PinLine& pin : file_.pins)
      matcher_.enumerate({&pin.name}, pin.name.position, budget, [&](const Bindings& bindings) {
        const Evaluated name = matcher_.evaluate(pin.name, bindings);
        if (name.absence == Absence::kNone && matcher_.holds(pin.conditions, bindings))
          groups_.pin(intern(name.text, pin.name.position));
      });
  }

  void unite(std::uint32_t group, std::uint32_t into, Position position) {
    const auto a = groups_.size(group);
    const auto b = groups_.size(into);
    if (a && b && *a != *b)
      return reason(position,
                    fmt::format("{} has {} units, {} has {}", names_[group], *a, names_[into], *b));
    groups_.unite(group, into);
  }

  /// Every axis is an equation; one with a single unknown decides it, which may decide others.
  void solve_sizes() {
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> waiting(groups_.count());
    std::vector<std::pair<std::size_t, std::size_t>> ready;
    for (std::size_t t = 0; t < covered_.size(); ++t)
      for (std::size_t a = 0; a < covered_[t].axes.size(); ++a) {
        ready.emplace_back(t, a);
        for_each_group(covered_[t].axes[a].layout, [&](std::uint32_t group) {
          waiting[groups_.root(group)].emplace_back(t, a);
        });
      }
    std::reverse(ready.begin(), ready.end());  // taken from the back
    while (!ready.empty()) {
      const auto [t, a] = ready.back();
      ready.pop_back();
      if (covered_[t].axes[a].solved) continue;
      if (const auto group = solve_axis(covered_[t], a))
        ready.insert(ready.end(), waiting[*group].begin(), waiting[*group].end());
    }
    for (const Covered& tensor : covered_)
      for (const Axis& axis : tensor.axes)
        if (!axis.solved)
          reason(axis.position,
                 fmt::format("the sizes on an axis of '{}' cannot be told", tensor.info->name));
  }

  /// Solves or checks one axis. Returns the group whose size became known.
  std::optional<std::uint32_t> solve_axis(Covered& tensor, std::size_t number) {
    Axis& axis = tensor.axes[number];
    const std::uint64_t length = tensor.info->shape[number];
    const auto refuse = [&](const std::string& what) {
      axis.solved = true;
      reason(axis.position, fmt::format("tensor '{}' axis {} has {} entries, {}", tensor.info->name,
                                        number, length, what));
    };
    const auto measured = measure(axis.layout, groups_);
    if (!measured) {
      refuse("the layout has more than can be counted");
      return std::nullopt;
    }
    if (measured->unknown == Length::Unknown::kSeveral) return std::nullopt;
    if (measured->unknown == Length::Unknown::kNone) {
      axis.solved = true;
      if (measured->constant != length)
        refuse(fmt::format("the layout has {}", measured->constant));
      return std::nullopt;
    }
    const std::uint64_t factor = measured->factor;
    const bool fits =
        length >= measured->constant && factor > 0 && (length - measured->constant) % factor == 0;
    if (!fits) {
      refuse("which the layout cannot fill");
      return std::nullopt;
    }
    axis.solved = true;
    const std::uint64_t size = (length - measured->constant) / factor;
    if (measured->unknown == Length::Unknown::kOpen) {
      close_open(axis.layout, size);
      return std::nullopt;
    }
    if (size == 0 || size > UINT32_MAX)
      refuse(fmt::format("so group {} would have {} units", names_[measured->group], size));
    groups_.set_size(measured->group, size);
    return measured->group;
  }

  template <typename Visit>
  static void for_each_group(const BoundLayout& layout, const Visit& visit) {
    if (layout.kind == BoundLayout::Kind::kGroup) visit(layout.group);
    for (const BoundLayout& part : layout.parts) for_each_group(part, visit);
  }

  Spec assemble() {
    Spec spec;
    spec.architecture = file_.architecture;
    for (Covered& covered : covered_) {
      SpecTensor tensor;
      tensor.name = covered.info->name;
      tensor.match = covered.match;
      for (std::size_t a = 0; a < covered.axes.size(); ++a) {
        SpecAxis axis;
        axis.length = covered.info->shape[a];
        axis.occurrences = axis_places(covered, a);
        tensor.axes.push_back(std::move(axis));
      }
      spec.tensors.push_back(std::move(tensor));
    }
    number_groups(spec);
    return spec;
  }

  std::vector<Occurrence> axis_places(const Covered& covered, std::size_t number) {
    const Axis& axis = covered.axes[number];
    if (covered.info->shape[number] == 0) return {};
    auto found = places(axis.layout, groups_);
    if (found && (found->empty() || covered.info->shape[number] <= UINT32_MAX)) return *found;
    reason(axis.position,
           fmt::format("an axis of '{}' has too many places of groups", covered.info->name));
    return {};
  }

  /// Groups that stand somewhere, in natural order of their names.
  void number_groups(Spec& spec) {
    const auto for_each_place = [&](const auto& visit) {
      for (SpecTensor& tensor : spec.tensors)
        for (SpecAxis& axis : tensor.axes)
          for (Occurrence& place : axis.occurrences) visit(place);
    };
    std::set<std::uint32_t> used;
    for_each_place([&](const Occurrence& place) { used.insert(place.group); });
    std::vector<std::uint32_t> order(used.begin(), used.end());
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return natural_less(names_[a], names_[b]); });
    std::vector<std::uint32_t> numbers(groups_.count());
    for (const std::uint32_t group : order) {
      numbers[group] = static_cast<std::uint32_t>(spec.groups.size());
      spec.groups.push_back({names_[group], static_cast<std::uint32_t>(*groups_.size(group))});
    }
    for_each_place([&](Occurrence& place) { place.group = numbers[place.group]; });
    for (const auto& [name, perm] : literal_perms_) {
      const std::uint32_t group = numbers_.at(name);
      const bool moves = !groups_.pinned(group) && groups_.size(group) != 1U;
      if (moves && !used.contains(groups_.root(group)))
        reason(perm->name.position, fmt::format("group {} stands on no axis", name));
    }
  }

  /// Hidden units are made by one tensor and read by another. Rows make and columns read; a bias
  /// tells where it is the other way round (transposed convolutions), and a table without one may
  /// be an embedding, whose columns make units.
  void check_joins(const Spec& spec) {
    struct Join {
      const SpecTensor* first = nullptr;
      bool produced = false, consumed = false, several = false;
    };
    std::vector<Join> joins(spec.groups.size());
    for (const SpecTensor& tensor : spec.tensors) {
      if (tensor.axes.size() < 2) continue;
      for (std::size_t a = 0; a < tensor.axes.size(); ++a)
        for (const Occurrence& place : tensor.axes[a].occurrences) {
          Join& join = joins[place.group];
          const SpecTensor* bias = bias_of(spec, tensor);
          const bool made = bias != nullptr && carries(*bias, place.group);
          const bool table = bias == nullptr && a + 1 == tensor.axes.size();
          join.produced = join.produced || a == 0 || made || table;
          join.consumed = join.consumed || a > 0 || (bias != nullptr && !made);
          if (join.first == nullptr) join.first = &tensor;
          join.several = join.several || join.first != &tensor;
        }
    }
    for (std::size_t g = 0; g < joins.size(); ++g) {
      const std::string& name = spec.groups[g].name;
      const Position position = positions_[numbers_.at(name)];
      if (!joins[g].produced) reason(position, fmt::format("group {} has no producer", name));
      if (!joins[g].consumed) reason(position, fmt::format("group {} has no consumer", name));
      if (joins[g].produced && joins[g].consumed && !joins[g].several)
        reason(position, fmt::format("group {} joins tensor '{}' only to itself", name,
                                     joins[g].first->name));
    }
  }

  /// "fc.bias" of "fc.weight"; nullptr if there is none.
  static const SpecTensor* bias_of(const Spec& spec, const SpecTensor& tensor) {
    for (const std::string_view weight : {"weight", "kernel"}) {
      const std::size_t at = tensor.name.rfind(weight);
      if (at == std::string::npos) continue;
      std::string name = tensor.name;
      if (const SpecTensor* found = spec.find(name.replace(at, weight.size(), "bias")))
        return found;
    }
    return nullptr;
  }

  static bool carries(const SpecTensor& tensor, std::uint32_t group) {
    return std::any_of(tensor.axes.begin(), tensor.axes.end(), [&](const SpecAxis& axis) {
      return std::any_of(axis.occurrences.begin(), axis.occurrences.end(),
                         [&](const Occurrence& place) { return place.group == group; });
    });
  }

  const SpecFile& file_;
  Matcher matcher_;
  std::vector<const TensorInfo*> network_;
  std::unordered_map<std::string, std::vector<std::size_t>> literal_lines_;
  std::vector<std::size_t> pattern_lines_;
  std::unordered_map<std::string, const PermLine*> literal_perms_;
  std::vector<const PermLine*> pattern_perms_;

  GroupSizes groups_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
  std::vector<Position> positions_;  // of the declarations

  std::vector<Covered> covered_;
  std::vector<std::string> reasons_;
};

}  // namespace

Misfit::Misfit(std::vector<std::string> reasons, const std::string& where)
    : Error(headline(reasons), where,
            "'mgit spec check' lists every reason; docs/specs.md explains the language"),
      reasons_(std::move(reasons)) {}

Spec bind(const SpecFile& file, const std::vector<TensorInfo>& network) {
  return Binder(file, network).run();
}

}  // namespace mgit::speclang
