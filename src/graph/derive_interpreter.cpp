#include "graph/derive_interpreter.h"

#include <algorithm>
#include <cstring>

#include "graph/interpreter/call.h"

namespace mgit::derivation {
namespace {

constexpr int kMaxSteps = 16;  // from a value to where it is taken apart

/// Operators that give a constant on as it is.
bool is_copy(const std::string& op) {
  return op == "aten.lift_fresh" || op == "aten.lift_fresh_copy" || op == "aten.clone" ||
         op == "aten.detach" || op == "aten.alias";
}

bool in_place(const std::string& op) {
  return op.size() > 1 && op.back() == '_' && op[op.size() - 2] != '_';
}

/// Whether a tensor is the same along an axis.
bool uniform(const GraphConstant& constant, std::size_t axis) {
  const Shape& shape = constant.info.shape;
  const auto count = element_count(shape);
  const auto bytes = byte_size(constant.info.dtype, shape);
  if (!count || !bytes || *count == 0 || constant.data == nullptr ||
      constant.data->size() != *bytes || *bytes % *count != 0)
    return false;
  std::uint64_t inner = *bytes / *count;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  const std::uint64_t block = inner * shape[axis];
  for (std::uint64_t at = 0; at < *bytes; at += block)
    for (std::uint64_t unit = 1; unit < shape[axis]; ++unit)
      if (std::memcmp(constant.data->data() + at, constant.data->data() + at + unit * inner,
                      inner) != 0)
        return false;
  return true;
}

/// The nodes that outputs depend on, and those that write in place: an exporter leaves others, of
/// which only the shape was asked.
std::vector<bool> live_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.values.size());
  for (const ValueId output : graph.outputs) needed[output] = true;
  std::vector<bool> live(graph.nodes.size());
  for (std::size_t number = live.size(); number-- > 0;) {
    const GraphNode& node = graph.nodes[number];
    live[number] = in_place(node.op) || std::any_of(node.outputs.begin(), node.outputs.end(),
                                                    [&](ValueId output) { return needed[output]; });
    if (live[number]) for_each_value(node, [&](ValueId value) { needed[value] = true; });
  }
  return live;
}

}  // namespace

Interpreter::Interpreter(const Graph& graph, Cuts cuts)
    : graph_(graph),
      cuts_(std::move(cuts)),
      layouts_(graph.values.size()),
      users_(graph.values.size()),
      makers_(graph.values.size()),
      outputs_(graph.outputs.begin(), graph.outputs.end()),
      roots_(graph.values.size()),
      live_(live_nodes(graph)) {
  for (ValueId value = 0; value < roots_.size(); ++value) roots_[value] = value;
  for (std::uint32_t number = 0; number < graph.nodes.size(); ++number) {
    if (live_[number])
      for_each_value(graph.nodes[number], [&](ValueId value) { users_[value].push_back(number); });
    for (const ValueId output : graph.nodes[number].outputs) makers_[output] = number;
  }
}

void Interpreter::run() {
  const auto count = static_cast<std::uint32_t>(graph_.nodes.size());
  terms_.set_node(count);
  for (const ValueId input : graph_.inputs) set(input, fixed_layout(input, "input of the network"));
  for (const GraphParameter& parameter : graph_.parameters) {
    if (!layouts_[parameter.value]) set(parameter.value, parameter_layout(parameter.value));
  }
  std::map<std::string, ValueId> tied;
  for (const GraphParameter& parameter : graph_.parameters) {
    const auto [first, fresh] = tied.try_emplace(parameter.tensor, parameter.value);
    if (fresh) continue;
    const Layout& a = layout(first->second);
    const Layout& b = layout(parameter.value);
    for (std::size_t i = 0; i < std::min(a.dims.size(), b.dims.size()); ++i)
      terms_.unify(a.dims[i], b.dims[i]);
  }
  const std::set<std::uint64_t> unread = unread_lengths();
  for (const auto& [value, constant] : graph_.constants)
    if (!layouts_[value]) set(value, constant_layout(constant, unread));
  for (std::uint32_t number = 0; number < count; ++number) {
    if (!live_[number]) continue;
    terms_.set_node(number);
    step(number);
  }
  terms_.set_node(count);
  for (const ValueId output : graph_.outputs) pin(output, "output of the network");
}

std::optional<std::vector<std::int64_t>> Interpreter::constant_numbers(ValueId value) const {
  auto found = graph_.constants.find(value);
  for (int steps = 0; found == graph_.constants.end() && steps < kMaxSteps; ++steps) {
    const auto made = makers_[value];
    if (!made || !is_copy(graph_.nodes[*made].op)) return std::nullopt;
    for_each_value(graph_.nodes[*made], [&](ValueId source) { value = source; });
    found = graph_.constants.find(value);
  }
  if (found == graph_.constants.end() || found->second.info.dtype != DType::kI64 ||
      found->second.info.rank() != 1 || found->second.data == nullptr)
    return std::nullopt;
  std::vector<std::int64_t> numbers(found->second.info.shape[0]);
  if (found->second.data->size() != numbers.size() * sizeof(std::int64_t)) return std::nullopt;
  if (!numbers.empty())
    std::memcpy(numbers.data(), found->second.data->data(), found->second.data->size());
  return numbers;
}

std::optional<Term> Interpreter::length_of(ValueId number) {
  const auto made = makers_[number];
  if (!made || graph_.nodes[*made].op != "aten.sym_size") return std::nullopt;
  const Call call(*this, graph_.nodes[*made]);
  const auto self = call.value("self");
  if (!self || !layouts_[*self]) return std::nullopt;
  const Layout& whole = layout(*self);
  const auto axis = Call::axis(call.number("dim", 0), whole.dims.size());
  return axis ? std::optional(whole.dims[*axis]) : std::nullopt;
}

Layout Interpreter::parameter_layout(ValueId value) {
  Layout layout;
  const std::vector<Length>& shape = graph_.values[value].shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<Term> segments;
    if (const auto cut = cuts_.find({value, axis}); cut != cuts_.end())
      for (const std::uint64_t length : cut->second) segments.push_back(terms_.atom(length));
    layout.dims.push_back(segments.empty() ? terms_.atom(shape[axis])
                                           : terms_.sum(std::move(segments)));
  }
  return layout;
}

Cuts Interpreter::cuts() {
  Cuts found;
  for (const GraphParameter& parameter : graph_.parameters) {
    const Layout& whole = layout(parameter.value);
    for (std::size_t axis = 0; axis < whole.dims.size(); ++axis) {
      const std::vector<Term> segments = terms_.segments(whole.dims[axis]);
      if (segments.size() < 2 || terms_.is_fixed(whole.dims[axis])) continue;
      std::vector<std::uint64_t> lengths;
      for (const Term segment : segments) lengths.push_back(terms_.size(segment).value_or(0));
      found.emplace(std::pair(parameter.value, axis), std::move(lengths));
    }
  }
  return found;
}

std::set<std::uint64_t> Interpreter::unread_lengths() const {
  std::set<std::string> read;
  for (const GraphParameter& parameter : graph_.parameters)
    if (is_used(parameter.value)) read.insert(parameter.tensor);
  std::set<std::uint64_t> lengths;
  for (const GraphParameter& parameter : graph_.parameters) {
    const GraphValue& value = graph_.values[parameter.value];
    if (read.contains(parameter.tensor) || !interpreter::is_real(value.dtype)) continue;
    for (const Length& length : value.shape)
      if (length) lengths.insert(*length);
  }
  return lengths;
}

Layout Interpreter::constant_layout(const GraphConstant& constant,
                                    const std::set<std::uint64_t>& unread) {
  const bool real = interpreter::is_real(constant.info.dtype);
  Layout layout;
  for (std::size_t axis = 0; axis < constant.info.shape.size(); ++axis) {
    const std::uint64_t length = constant.info.shape[axis];
    if (real && unread.contains(length)) {
      layout.dims.push_back(
          terms_.fixed(length, "a constant that may be made of weights nobody reads"));
    } else if (length > 1 && uniform(constant, axis)) {
      layout.dims.push_back(terms_.atom(length));
      layout.loose.push_back(layout.dims.back());
    } else {
      layout.dims.push_back(terms_.fixed(length, "a constant differs along it"));
    }
  }
  return layout;
}

const Layout& Interpreter::layout(ValueId value) {
  if (!layouts_[value]) layouts_[value] = fixed_layout(value, "a value that nothing computes");
  const std::vector<Layout> parts = layouts_[value]->parts;
  if (parts.empty()) return *layouts_[value];
  const std::size_t axis = layouts_[value]->axis;
  Layout whole = parts.front();
  std::vector<Term> along;
  for (const Layout& part : parts) {
    along.push_back(part.dims[axis]);
    for (std::size_t i = 0; i < part.dims.size(); ++i)
      if (i != axis) terms_.unify(whole.dims[i], part.dims[i]);
  }
  whole.dims[axis] = terms_.sum(std::move(along));
  whole.loose.clear();
  set(value, std::move(whole));
  return *layouts_[value];
}

void Interpreter::set(ValueId value, Layout layout) {
  if (layout.parts.empty()) {
    history_.push_back(layout);
  } else {
    history_.insert(history_.end(), layout.parts.begin(), layout.parts.end());
  }
  layouts_[value] = std::move(layout);
}

void Interpreter::pin(ValueId value, const char* reason) {
  const Layout& whole = layout(value);
  for (const Term term : whole.dims) terms_.pin(term, reason);
}

Layout Interpreter::fixed_layout(ValueId value, const char* reason) {
  Layout layout;
  for (const Length& length : graph_.values[value].shape)
    layout.dims.push_back(terms_.fixed(length, reason));
  return layout;
}

bool Interpreter::fits(ValueId value, const Layout& layout) const {
  const std::vector<Length>& shape = graph_.values[value].shape;
  if (!layout.parts.empty()) {
    return std::all_of(layout.parts.begin(), layout.parts.end(),
                       [&](const Layout& part) { return part.dims.size() == shape.size(); });
  }
  if (layout.dims.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const Length length = terms_.size(layout.dims[i]);
    if (length && shape[i] && *length != *shape[i]) return false;
  }
  return true;
}

void Interpreter::step(std::uint32_t number) {
  const GraphNode& node = graph_.nodes[number];
  const bool tensors = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId value) {
    return !graph_.values[value].shape.empty();
  });
  std::string op = node.op;
  const bool writes = in_place(op);
  if (writes) op.pop_back();
  const Rule rule = find_rule(op);
  if (rule == nullptr && !tensors && !writes) {
    // A number: what it says of the order of units is lost, so they must not move.
    const bool harmless = op.starts_with("aten.sym_") || op.starts_with("aten._assert") ||
                          op.starts_with("_operator.") || op.starts_with("math.") ||
                          op.starts_with("operator.");
    if (!harmless) give_up(node, "unknown operator");
    for_each_value(node, [&](ValueId value) {
      if (!harmless && !graph_.values[value].shape.empty()) unknown_.insert(node.op);
    });
    for (const ValueId output : node.outputs)
      if (!layouts_[output]) set(output, Layout());
    return;
  }
  const Call call(*this, node);
  if (rule == nullptr) {
    unknown_.insert(node.op);
    give_up(node, "unknown operator");
    return;
  }
  const bool done = rule(call);
  const bool sound = done && std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) {
                       return !layouts_[v] || fits(v, *layouts_[v]);
                     });
  const bool complete =
      sound && std::all_of(node.outputs.begin(), node.outputs.end(),
                           [&](ValueId v) { return layouts_[v].has_value() || !is_used(v); });
  if (!complete) return give_up(node, "a form of it that is not understood");
  for (const ValueId output : node.outputs)
    if (!layouts_[output]) set(output, fixed_layout(output, "not read"));
  if (is_view(op) && !node.outputs.empty()) {
    std::optional<ValueId> source;
    for_each_value(node, [&](ValueId value) { source = source.value_or(value); });
    if (source)
      for (const ValueId output : node.outputs) {
        roots_[output] = roots_[*source];
        views_[roots_[*source]].insert(output);
      }
  }
  if (writes) mutate(node);
}

/// Nothing that the operator touches moves.
void Interpreter::give_up(const GraphNode& node, const char* reason) {
  for_each_value(node, [&](ValueId value) { pin(value, reason); });
  for (const ValueId output : node.outputs) set(output, fixed_layout(output, reason));
  if (in_place(node.op)) mutate(node);
}

/// The first argument's memory was written. It has the output's layout now; where other values may
/// share the memory nothing in any of them moves.
void Interpreter::mutate(const GraphNode& node) {
  std::optional<ValueId> written;
  for_each_value(node, [&](ValueId value) { written = written.value_or(value); });
  if (!written || node.outputs.empty()) return;
  const ValueId root = roots_[*written];
  const auto views = views_.find(root);
  if (root == *written && views == views_.end()) {
    set(*written, layout(node.outputs.front()));
  } else {
    constexpr const char* kReason = "written in place through a view";
    for_each_value(node, [&](ValueId value) { pin(value, kReason); });
    pin(root, kReason);
    set(root, fixed_layout(root, kReason));
    if (views != views_.end())
      for (const ValueId view : views->second) {
        pin(view, kReason);
        set(view, fixed_layout(view, kReason));
      }
  }
  for (const ValueId output : node.outputs) {
    roots_[output] = root;
    views_[root].insert(output);
  }
}

std::optional<std::pair<std::size_t, std::set<std::uint64_t>>> Interpreter::taken_apart(
    ValueId value) {
  std::vector<std::optional<std::size_t>> axes;
  for (std::size_t i = 0; i < graph_.values[value].shape.size(); ++i) axes.emplace_back(i);
  std::optional<std::size_t> axis;
  std::set<std::uint64_t> ends;
  if (!taken_apart(value, axes, axis, ends, 0) || !axis || ends.size() < 2) return std::nullopt;
  return std::pair(*axis, std::move(ends));
}

bool Interpreter::taken_apart(ValueId value, const std::vector<std::optional<std::size_t>>& axes,
                              std::optional<std::size_t>& axis, std::set<std::uint64_t>& ends,
                              int depth) {
  if (depth > kMaxSteps || outputs_.contains(value) || users_[value].empty()) return false;
  for (const std::uint32_t number : users_[value]) {
    const GraphNode& node = graph_.nodes[number];
    const Call call(*this, node);
    const std::vector<ValueId> read = call.tensors();
    if (call.value({"self", "input"}) != value || std::count(read.begin(), read.end(), value) != 1)
      return false;
    if (const auto map = axis_map(call); map && node.outputs.size() == 1) {
      std::vector<std::optional<std::size_t>> moved;
      for (const auto& from : *map) moved.push_back(from ? axes.at(*from) : std::nullopt);
      if (!taken_apart(node.outputs.front(), moved, axis, ends, depth + 1)) return false;
      continue;
    }
    const auto taken = pieces(call);
    if (!taken || !axes.at(taken->axis)) return false;
    const std::size_t here = *axes[taken->axis];
    if (axis.value_or(here) != here) return false;
    axis = here;
    for (const Piece& piece : taken->pieces) {
      ends.insert(piece.begin);
      ends.insert(piece.end);
    }
  }
  return true;
}

}  // namespace mgit::derivation
