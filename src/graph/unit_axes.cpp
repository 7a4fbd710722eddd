#include <algorithm>
#include <memory>

#include "graph/derive_interpreter.h"
#include "graph/interpreter/call.h"
#include "mgit/format.h"
#include "mgit/graph.h"

namespace mgit {
namespace {

using derivation::for_each_value;
using derivation::Interpreter;
using derivation::Layout;
using derivation::Term;

/// The atom that is all that stands on an axis, and can move.
std::optional<Term> only_atom(Interpreter& in, Term term) {
  const std::vector<Term> factors = in.terms().factors(term);
  if (factors.size() != 1 || !in.terms().is_atom(factors.front())) return std::nullopt;
  const Term atom = in.terms().find(factors.front());
  if (in.terms().is_fixed(atom)) return std::nullopt;
  return atom;
}

std::unique_ptr<Interpreter> derived(const Graph& graph) {
  auto interpreter = std::make_unique<Interpreter>(graph);
  interpreter->run();
  derivation::Cuts cuts = interpreter->cuts();
  if (cuts.empty()) return interpreter;
  interpreter = std::make_unique<Interpreter>(graph, std::move(cuts));
  interpreter->run();
  return interpreter;
}

/// Whether a group, and nothing else, stands on the axis.
bool is_whole(const SpecAxis& axis, const Group& group) {
  const Occurrence& only = axis.occurrences.front();
  return axis.occurrences.size() == 1 && only.outer == 1 && only.inner == 1 &&
         axis.length == group.size;
}

/// Which group of the spec an atom of the derivation belongs to.
std::map<Term, std::uint32_t> groups_by_atom(Interpreter& in, const Spec& spec,
                                             const std::string& prefix) {
  std::map<Term, std::uint32_t> result;
  for (const GraphParameter& parameter : in.graph().parameters) {
    if (!parameter.tensor.starts_with(prefix)) continue;
    const SpecTensor* const tensor = spec.find(parameter.tensor.substr(prefix.size()));
    const Layout* const layout = in.whole_layout(parameter.value);
    if (tensor == nullptr || layout == nullptr || tensor->reshaped) continue;
    for (std::size_t axis = 0; axis < std::min(tensor->axes.size(), layout->dims.size()); ++axis) {
      if (tensor->axes[axis].occurrences.empty()) continue;
      const std::uint32_t group = tensor->axes[axis].occurrences.front().group;
      const std::optional<Term> atom = only_atom(in, layout->dims[axis]);
      if (atom && is_whole(tensor->axes[axis], spec.groups[group]) && !spec.groups[group].fixed &&
          !spec.groups[group].outer)
        result.emplace(*atom, group);
    }
  }
  return result;
}

class UnitAxes {
 public:
  UnitAxes(const Graph& graph, const Spec& spec, const std::string& prefix)
      : graph_(graph),
        in_(derived(graph)),
        groups_(groups_by_atom(*in_, spec, prefix)),
        group_count_(spec.groups.size()) {}

  std::vector<std::vector<UnitAxis>> find() {
    mark_dynamic();
    std::vector<std::vector<UnitAxis>> result(group_count_);
    for (const GraphNode& node : graph_.nodes)
      for_each_value(node, [&](ValueId value) {
        const auto place = place_of(value);
        if (!place || is_carried_on(node, place->first)) return;
        std::vector<UnitAxis>& found = result[place->first];
        if (std::none_of(found.begin(), found.end(),
                         [&](const UnitAxis& each) { return each.value == value; }))
          found.push_back({value, place->second});
      });
    for (auto& each : result)
      std::sort(each.begin(), each.end(),
                [](const UnitAxis& a, const UnitAxis& b) { return a.value < b.value; });
    return result;
  }

 private:
  void mark_dynamic() {
    dynamic_.assign(graph_.values.size(), false);
    for (const ValueId id : graph_.inputs) dynamic_[id] = true;
    for (const GraphNode& node : graph_.nodes) {
      bool any = false;
      for_each_value(node, [&](ValueId value) { any = any || dynamic_[value]; });
      for (const ValueId id : node.outputs) dynamic_[id] = any;
    }
  }

  /// The group that stands on one axis of the value alone, and the axis.
  std::optional<std::pair<std::uint32_t, std::size_t>> place_of(ValueId value) {
    const Layout* const layout = in_->whole_layout(value);
    if (layout == nullptr || !dynamic_[value] || !interpreter::is_real(graph_.values[value].dtype))
      return std::nullopt;
    std::optional<std::pair<std::uint32_t, std::size_t>> found;
    for (std::size_t axis = 0; axis < layout->dims.size(); ++axis) {
      const std::optional<Term> atom = only_atom(*in_, layout->dims[axis]);
      const auto group = atom ? groups_.find(*atom) : groups_.end();
      if (group == groups_.end()) continue;
      if (found) return std::nullopt;
      found.emplace(group->second, axis);
    }
    return found;
  }

  bool is_carried_on(const GraphNode& node, std::uint32_t group) {
    return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
      const auto place = place_of(output);
      return place && place->first == group;
    });
  }

  const Graph& graph_;
  std::unique_ptr<Interpreter> in_;
  std::map<Term, std::uint32_t> groups_;
  std::size_t group_count_;
  std::vector<bool> dynamic_;  // depends on an input
};

}  // namespace

std::vector<std::vector<UnitAxis>> unit_axes(const Graph& graph, const Spec& spec,
                                             const std::string& prefix) {
  return UnitAxes(graph, spec, prefix).find();
}

}  // namespace mgit
