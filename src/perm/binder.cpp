#include "perm/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "perm/group_table.h"
#include "perm/joins.h"
#include "perm/layout.h"
#include "perm/matching.h"
#include "perm/natural_order.h"

namespace mgit::speclang {
namespace {

constexpr std::size_t kShownReasons = 3;
constexpr std::size_t kMaxCombinations = 200'000;
constexpr std::uint64_t kMaxMerged = 1 << 27;  // entries of one gather

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
  Shape shape;  // what it is read as
  std::vector<Axis> axes;
  bool match = true;
  bool reshaped = false;
};

/// A line whose name fits a tensor, but not its shape.
struct NearMiss {
  Position position;
  std::string what;
};

/// Binds one spec file to one network; both outlive it. For one run, after which it is spent;
/// throws Error that names the line and the tensor at odds.
class Binder {
 public:
  Binder(const SpecFile& file, const std::vector<TensorInfo>& network, Joins joins)
      : file_(file), joins_(joins), matcher_(file, network), table_(file, matcher_) {
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
    reasons_ = file_.misfits;
    sort_lines();
    cover();
    // Sizes that the config should have told are not known: what follows would not be true.
    if (!file_.misfits.empty()) stop_if_misfit();
    unify();
    stop_if_misfit();
    solve_sizes();
    stop_if_misfit();
    Spec spec = assemble();
    if (joins_ == Joins::kChecked) check_joins(spec);
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
  }

  void cover() {
    for (const TensorInfo* tensor : network_) {
      const std::string name = known_as(tensor->name);
      std::vector<std::size_t> candidates = pattern_lines_;
      if (const auto literal = literal_lines_.find(name); literal != literal_lines_.end()) {
        candidates.insert(candidates.end(), literal->second.begin(), literal->second.end());
        std::sort(candidates.begin(), candidates.end());
      }
      std::optional<NearMiss> near_miss;
      if (std::any_of(candidates.begin(), candidates.end(), [&](std::size_t line) {
            return applies(file_.tensors[line], *tensor, name, near_miss);
          }))
        continue;
      if (near_miss) {
        reason(near_miss->position, near_miss->what);
      } else {
        reason(fmt::format("no line covers tensor '{}'", tensor->name));
      }
    }
  }

  /// The name under which lines know a tensor: another one if it is an alias.
  std::string known_as(const std::string& tensor) const {
    for (const AliasLine& alias : file_.aliases)
      if (const auto bindings = matcher_.match(alias.key, tensor))
        if (Evaluated as = matcher_.evaluate(alias.as, *bindings); as.absence == Absence::kNone)
          return std::move(as.text);
    return tensor;
  }

  static std::optional<std::string> shape_fault(const TensorLine& line, const TensorInfo& tensor) {
    if (line.skip) return std::nullopt;
    if (line.shape.empty() && line.axes.size() != tensor.rank())
      return fmt::format("tensor '{}' has {} axes, the line has {}", tensor.name, tensor.rank(),
                         line.axes.size());
    if (!line.shape.empty() && element_count(line.shape) != element_count(tensor.shape))
      return fmt::format("tensor '{}' is {}, which cannot be read as {}", tensor.name,
                         shape_text(tensor.shape), shape_text(line.shape));
    return std::nullopt;
  }

  /// Covers the tensor, which lines know as `name`, if the line is for it.
  bool applies(const TensorLine& line, const TensorInfo& tensor, const std::string& name,
               std::optional<NearMiss>& near_miss) {
    const auto bindings = matcher_.match(line.key, name);
    if (!bindings || !matcher_.holds(line.conditions, *bindings)) return false;
    if (auto fault = shape_fault(line, tensor)) {
      if (!near_miss) near_miss = NearMiss{line.key.position, *std::move(fault)};
      return false;
    }
    Covered covered;
    covered.info = &tensor;
    covered.shape = line.shape.empty() ? tensor.shape : line.shape;
    covered.reshaped = covered.shape != tensor.shape;
    // An alias is the tensor that it stands for, which counts once.
    covered.match = line.match && (name == tensor.name || !matcher_.exists(name));
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
      result.group = table_.intern(name.text, layout.position);
      const std::vector<std::uint32_t> cells = table_.cells_of(result.group);
      if (cells.front() != result.group) {
        result.kind = BoundLayout::Kind::kSum;
        for (const std::uint32_t cell : cells)
          result.parts.push_back({BoundLayout::Kind::kGroup, std::nullopt, 1, cell, {}});
      }
    }
    for (const Layout& part : layout.parts) {
      auto bound = bind_layout(part, bindings);
      if (!bound) return std::nullopt;
      result.parts.push_back(std::move(*bound));
    }
    return result;
  }

  void unify() {
    std::size_t budget = kMaxCombinations;
    for (const SameLine& same : file_.sames)
      matcher_.enumerate(
          {&same.name, &same.as}, same.name.position, budget, [&](const Bindings& bindings) {
            const Evaluated name = matcher_.evaluate(same.name, bindings);
            const Evaluated as = matcher_.evaluate(same.as, bindings);
            if (std::max(name.absence, as.absence) != Absence::kNone) return;
            if (!matcher_.holds(same.conditions, bindings)) return;
            if (const auto fault = table_.unite(table_.intern(name.text, same.name.position),
                                                table_.intern(as.text, same.as.position)))
              reason(same.name.position, *fault);
          });
    for (const PinLine& pin : file_.pins)
      matcher_.enumerate({&pin.name}, pin.name.position, budget, [&](const Bindings& bindings) {
        const Evaluated name = matcher_.evaluate(pin.name, bindings);
        if (name.absence == Absence::kNone && matcher_.holds(pin.conditions, bindings))
          table_.pin(table_.intern(name.text, pin.name.position));
      });
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
    const std::uint64_t length = tensor.shape[number];
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
      refuse(fmt::format("so group {} would have {} units", table_.name(measured->group), size));
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
    const std::vector<bool> with_families = table_.with_families();
    for (Covered& covered : covered_) {
      join_families(covered);
      SpecTensor tensor;
      tensor.name = covered.info->name;
      tensor.match = covered.match;
      tensor.reshaped = covered.reshaped;
      for (std::size_t a = 0; a < covered.axes.size(); ++a) {
        SpecAxis axis;
        axis.length = covered.shape[a];
        axis.occurrences = axis_places(covered, a, with_families);
        tensor.axes.push_back(std::move(axis));
      }
      spec.tensors.push_back(std::move(tensor));
    }
    number_groups(spec);
    return spec;
  }

  /// A group that has families in the layout, and does not stand there to the left of them.
  std::optional<std::uint32_t> missing_outer(const BoundLayout& layout,
                                             std::set<std::uint32_t> around) const {
    if (layout.kind == BoundLayout::Kind::kGroup) {
      const auto outer = groups_.outer(layout.group);
      const bool missing = table_.can_move(layout.group) && outer && !around.contains(*outer);
      return missing ? outer : std::nullopt;
    }
    for (const BoundLayout& part : layout.parts) {
      if (const auto found = missing_outer(part, around)) return found;
      if (layout.kind == BoundLayout::Kind::kProduct)
        for_each_group(part, [&](std::uint32_t group) { around.insert(groups_.root(group)); });
    }
    return std::nullopt;
  }

  /// Where a family stands on another axis than its outer group (the input of a grouped
  /// convolution), the axes from there to here are read as one, their product.
  void join_families(Covered& covered) {
    for (std::size_t axis = 1; axis < covered.axes.size(); ++axis) {
      const auto outer = missing_outer(covered.axes[axis].layout, {});
      if (!outer) continue;
      for (std::size_t first = axis; first-- > 0;) {
        bool here = false;
        for_each_group(covered.axes[first].layout,
                       [&](std::uint32_t group) { here |= groups_.root(group) == *outer; });
        if (!here) continue;
        join_axes(covered, first, axis);
        axis = first;
        break;
      }
    }
  }

  void join_axes(Covered& covered, std::size_t first, std::size_t last) {
    BoundLayout product{BoundLayout::Kind::kProduct, std::nullopt, 1, 0, {}};
    std::uint64_t length = 1;
    for (std::size_t i = first; i <= last; ++i) {
      product.parts.push_back(std::move(covered.axes[i].layout));
      if (__builtin_mul_overflow(length, covered.shape[i], &length)) length = UINT64_MAX;
    }
    if (length > kMaxMerged)
      reason(covered.axes[last].position,
             fmt::format("a family on an axis of '{}' stands too far from its outer group",
                         covered.info->name));
    covered.axes[first].layout = std::move(product);
    covered.shape[first] = length;
    const auto from = static_cast<std::ptrdiff_t>(first) + 1;
    const auto to = static_cast<std::ptrdiff_t>(last) + 1;
    covered.axes.erase(covered.axes.begin() + from, covered.axes.begin() + to);
    covered.shape.erase(covered.shape.begin() + from, covered.shape.begin() + to);
    covered.reshaped = true;
  }

  std::vector<Occurrence> axis_places(const Covered& covered, std::size_t number,
                                      const std::vector<bool>& with_families) {
    const Axis& axis = covered.axes[number];
    if (covered.shape[number] == 0) return {};
    const Places found = places(axis.layout, groups_, with_families);
    if (const auto* stray = std::get_if<Stray>(&found)) {
      reason(axis.position, fmt::format("group {} stands on an axis of '{}' without {} around it",
                                        table_.name(stray->group), covered.info->name,
                                        table_.name(*groups_.outer(stray->group))));
      return {};
    }
    const auto* list = std::get_if<std::vector<Occurrence>>(&found);
    if (list != nullptr && (list->empty() || covered.shape[number] <= UINT32_MAX)) return *list;
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
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return natural_less(table_.name(a), table_.name(b));
    });
    std::vector<std::uint32_t> numbers(groups_.count());
    for (const std::uint32_t group : order) {
      numbers[group] = static_cast<std::uint32_t>(spec.groups.size());
      spec.groups.push_back({table_.name(group), static_cast<std::uint32_t>(*groups_.size(group)),
                             std::nullopt, groups_.pinned(group)});
    }
    for (const std::uint32_t group : order) {
      if (const auto outer = groups_.outer(group))
        spec.groups[numbers[group]].outer = numbers[*outer];
      const auto members = groups_.members(group);
      if (!members || *members * *groups_.size(group) > UINT32_MAX)
        reason(table_.declaration(group).name.position,
               fmt::format("group {} has too many units", table_.name(group)));
    }
    for_each_place([&](Occurrence& place) { place.group = numbers[place.group]; });
    for (const std::uint32_t group : table_.declared()) {
      if (table_.can_move(group) && !used.contains(groups_.root(group)))
        reason(table_.declaration(group).name.position,
               fmt::format("group {} stands on no axis", table_.name(group)));
    }
  }

  void check_joins(const Spec& spec) {
    std::vector<bool> family;
    for (const Group& group : spec.groups)
      family.push_back(table_.declaration(table_.number(group.name)).outer.has_value());
    for (const auto& [group, fault] : join_faults(spec, family)) {
      const std::uint32_t number = table_.number(spec.groups[group].name);
      reason(table_.declaration(number).name.position, fault);
    }
  }

  const SpecFile& file_;
  Joins joins_;
  Matcher matcher_;
  std::vector<const TensorInfo*> network_;
  std::unordered_map<std::string, std::vector<std::size_t>> literal_lines_;
  std::vector<std::size_t> pattern_lines_;
  GroupTable table_;
  GroupSizes& groups_ = table_.sizes();

  std::vector<Covered> covered_;
  std::vector<std::string> reasons_;
};

}  // namespace

Misfit::Misfit(std::vector<std::string> reasons, const std::string& where)
    : Error(headline(reasons), where,
            "'mgit spec check' lists every reason; docs/specs.md explains the language"),
      reasons_(std::move(reasons)) {}

Spec bind(const SpecFile& file, const std::vector<TensorInfo>& network, Joins joins) {
  return Binder(file, network, joins).run();
}

}  // namespace mgit::speclang
