#include "graph/functional.h"

#include <unordered_map>
#include <unordered_set>

#include "graph/view_operators.h"
#include "mgit/format.h"

namespace mgit {

namespace {

constexpr ValueId kNone = 0xffffffff;
constexpr std::size_t kNodesPerNode = 64;  // views made again may not make a graph explode

/// In-place operators that give a tensor another shape, with the numbers that it has.
const std::unordered_set<std::string_view> kReshaping = {
    "aten.unsqueeze", "aten.squeeze", "aten.transpose", "aten.t", "aten.swapaxes", "aten.swapdims"};

/// In-place operators that change what memory a tensor has.
const std::unordered_set<std::string_view> kRefused = {"aten.resize", "aten.resize_as", "aten.set",
                                                       "aten.as_strided", "aten.swap"};

constexpr int kDeepest = 1000;  // views whose shape hangs on views

/// The functional form of an in-place operator; nullopt: it is none.
std::optional<std::string> functional_name(const std::string& op) {
  constexpr std::string_view kDunder = "aten.__i";
  if (op.starts_with(kDunder) && op.ends_with("__"))  // __iand__
    return "aten.__" + op.substr(kDunder.size());
  if (op.ends_with("_") && !op.ends_with("__")) return op.substr(0, op.size() - 1);
  return std::nullopt;
}

bool flag(const GraphNode& node, std::string_view name) {
  const Argument* argument = node.find(name);
  return argument != nullptr && argument->index() == Argument(true).index() &&
         std::get<bool>(*argument);
}

class Functional {
 public:
  explicit Functional(Graph graph) : graph_(std::move(graph)) {
    for (ValueId id = 0; id < graph_.values.size(); ++id) add_state(id);
    for (const GraphValue& value : graph_.values) names_.insert(value.name);
  }

  Graph result() {
    const std::vector<GraphNode> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    limit_ = nodes.size() * kNodesPerNode;
    for (const GraphNode& node : nodes) {
      const auto name = functional_name(node.op);
      if (name && !node.arguments.empty())
        write(node, *name);
      else
        copy(node);
    }
    for (ValueId& output : graph_.outputs) output = current(output);
    const auto changed = [this](ValueId id) {
      if (versions_[states_[id].root] > 0) graph_.outputs.push_back(current(id));
    };
    std::unordered_set<ValueId> seen;  // a tied weight has several names
    for (const GraphParameter& parameter : graph_.parameters)
      if (seen.insert(parameter.value).second) changed(parameter.value);
    for (const ValueId input : graph_.inputs) changed(input);
    return std::move(graph_);
  }

 private:
  /// Of a value of the old graph.
  struct State {
    ValueId root = 0;        // whose memory it lies in
    ValueId parent = kNone;  // what it is a view of
    Relation relation = Relation::kSame;
    const GraphNode* view = nullptr;  // how it was made, with the old graph's values
    std::size_t output = 0;           // which of its outputs
    ValueId current = 0;              // the value that has its contents
    std::uint64_t version = 0;        // of the root's memory, at which it had
  };

  void add_state(ValueId id) {
    State state;
    state.root = id;
    state.current = id;
    states_.push_back(state);
    versions_.push_back(0);
  }

  GraphNode& emit(GraphNode node) {
    if (graph_.nodes.size() > limit_ + kNodesPerNode)
      throw Error("too many views of tensors that are written in place");
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back();
  }

  /// A new value of the shape of another one.
  ValueId fresh(ValueId like) {
    GraphValue value = graph_.values[like];
    const std::string name = value.name.substr(0, value.name.find('#'));
    std::size_t& number = numbers_[name];
    do value.name = fmt::format("{}#{}", name, ++number + 1);
    while (!names_.insert(value.name).second);
    graph_.values.push_back(std::move(value));
    return static_cast<ValueId>(graph_.values.size() - 1);
  }

  /// What has the contents of an old value now.
  ValueId current(ValueId id) {
    std::vector<ValueId> chain;  // views to make again, inner ones last
    ValueId at = id;
    while (states_[at].version != versions_[states_[at].root]) {
      const State& state = states_[at];
      if (state.parent == kNone || state.relation == Relation::kUncertain)
        throw Error("it cannot be told whether " + quote_name(graph_.values[at].name) +
                        " changes when a tensor that may share its memory is written in place",
                    {}, "export program.run_decompositions({}), which has no in-place operators");
      chain.push_back(at);
      at = state.parent;
    }
    while (!chain.empty()) {
      make_again(chain.back());
      chain.pop_back();
    }
    return states_[id].current;
  }

  void make_again(ValueId id) {
    State& state = states_[id];
    const ValueId parent = states_[state.parent].current;
    state.version = versions_[state.root];
    if (state.relation == Relation::kSame && state.view == nullptr) {
      state.current = parent;
      return;
    }
    if (++depth_ > kDeepest) throw Error("views are made of views too deeply");
    GraphNode node = *state.view;
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
      if (i == 0)
        node.arguments[i].second = parent;
      else
        replace(node.arguments[i].second);
    }
    for (ValueId& output : node.outputs) output = fresh(output);
    states_[id].current = node.outputs[state.output];
    emit(std::move(node));
    --depth_;
  }

  void replace(Argument& argument) {
    if (auto* value = std::get_if<ValueId>(&argument)) {
      *value = current(*value);
    } else if (auto* values = std::get_if<std::vector<std::optional<ValueId>>>(&argument)) {
      for (std::optional<ValueId>& each : *values)
        if (each) each = current(*each);
    }
  }

  GraphNode with_current_arguments(const GraphNode& node) {
    GraphNode result = node;
    for (auto& [name, argument] : result.arguments) replace(argument);
    return result;
  }

  void copy(const GraphNode& node) {
    if (node.find("out") != nullptr && node.overload.find("out") != std::string::npos)
      throw Error("operator " + quote_name(node.op) + " with an output argument is not supported");
    emit(with_current_arguments(node));
    const auto relation = relation_of(node.op);
    if (!relation || node.arguments.empty()) return;
    const Argument& first = node.arguments.front().second;
    if (const auto* of = std::get_if<ValueId>(&first)) {
      for (std::size_t i = 0; i < node.outputs.size(); ++i) attach(node, i, *of, *relation);
      return;
    }
    for (const auto& [name, argument] : node.arguments)
      if (const auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
        if (list->size() == node.outputs.size())  // an einsum of several tensors makes a new one
          for (std::size_t i = 0; i < list->size(); ++i)
            if ((*list)[i]) attach(node, i, *(*list)[i], *relation);
  }

  void attach(const GraphNode& node, std::size_t output, ValueId of, Relation relation) {
    const ValueId id = node.outputs[output];
    const bool converted = graph_.values[id].dtype != graph_.values[of].dtype;
    if (node.op == "aten.to" || node.op == "aten.type_as") {
      if (converted || flag(node, "copy")) return;
      if (node.overload != "dtype" || node.find("memory_format") != nullptr)
        relation = Relation::kUncertain;  // a device or a layout that may be another
    } else if (converted || flag(node, "train")) {
      relation = Relation::kUncertain;
    }
    State& state = states_[id];
    state.root = states_[of].root;
    state.parent = of;
    state.relation = relation;
    state.view = &node;
    state.output = output;
    state.version = versions_[state.root];
  }

  void write(const GraphNode& node, const std::string& name) {
    const auto* target = std::get_if<ValueId>(&node.arguments.front().second);
    if (kRefused.contains(name) || target == nullptr || node.outputs.size() > 1)
      throw Error("in-place operator " + quote_name(node.op) + " is not supported");
    const ValueId id = *target;
    GraphNode pure = with_current_arguments(node);
    pure.op = name;
    if (node.outputs.empty()) pure.outputs = {fresh(states_[id].current)};
    const ValueId written = pure.outputs.front();
    const bool reshaping = kReshaping.contains(name);
    if (reshaping) check_reshaping(node, id);
    if (!reshaping && name != "aten.detach") check_ancestors(id);
    emit(std::move(pure));
    State& state = states_[id];
    state.current = written;
    if (!reshaping && name != "aten.detach") {
      state.version = ++versions_[state.root];
      carry(id);
    }
    if (!node.outputs.empty()) same_as(written, id);
  }

  /// Views of the old shape could not be made again.
  void check_reshaping(const GraphNode& node, ValueId id) const {
    const bool alone = states_[id].parent == kNone &&
                       std::none_of(states_.begin(), states_.end(), [&](auto& each) {
                         return each.parent == id && each.view != nullptr;
                       });
    if (!alone)
      throw Error("in-place operator " + quote_name(node.op) +
                  " on a tensor that has views is not supported");
  }

  /// The output of an in-place operator is the tensor itself.
  void same_as(ValueId output, ValueId id) {
    State& state = states_[output];
    state.root = states_[id].root;
    state.parent = id;
    state.relation = Relation::kSame;
    state.view = nullptr;
    state.current = states_[id].current;
    state.version = states_[id].version;
  }

  static bool carried(Relation relation) {
    return relation != Relation::kPart && relation != Relation::kUncertain;
  }

  /// Those that keep a part of their contents have to be up to date before the write.
  void check_ancestors(ValueId id) {
    for (ValueId at = id; states_[at].parent != kNone && carried(states_[at].relation);
         at = states_[at].parent)
      if (states_[at].relation == Relation::kSelected || states_[at].relation == Relation::kSliced)
        current(states_[at].parent);
  }

  /// Writes what a view has now into what it is a view of, up to the root.
  void carry(ValueId id) {
    for (ValueId at = id; states_[at].parent != kNone && carried(states_[at].relation);
         at = states_[at].parent) {
      State& parent = states_[states_[at].parent];
      parent.current = written_back(states_[at], states_[at].parent);
      parent.version = versions_[parent.root];
    }
  }

  ValueId written_back(const State& child, ValueId parent) {
    if (child.relation == Relation::kSame) return child.current;
    GraphNode node;
    node.module = child.view->module;
    if (child.relation == Relation::kReshaped)
      node = reshaped(child, parent);
    else if (child.relation == Relation::kTurned)
      node = turned(child);
    else if (child.relation == Relation::kPermuted)
      node = permuted(child);
    else
      node = scattered(child, parent);
    node.outputs = {fresh(states_[parent].current)};
    const ValueId result = node.outputs.front();
    emit(std::move(node));
    return result;
  }

  GraphNode reshaped(const State& child, ValueId parent) const {
    std::vector<std::int64_t> shape;
    for (const auto& length : graph_.values[states_[parent].current].shape)
      shape.push_back(length ? static_cast<std::int64_t>(*length) : -1);
    if (std::count(shape.begin(), shape.end(), -1) > 1)
      throw Error("a view of " + quote_name(graph_.values[parent].name) +
                      ", of which several lengths are open, is written in place",
                  {}, "export program.run_decompositions({}), which has no in-place operators");
    GraphNode node;
    node.op = "aten.reshape";
    node.overload = "default";
    node.arguments = {{"self", child.current}, {"shape", std::move(shape)}};
    return node;
  }

  GraphNode turned(const State& child) const {
    GraphNode node = *child.view;
    node.arguments.front().second = child.current;
    return node;
  }

  GraphNode permuted(const State& child) const {
    GraphNode node = *child.view;
    const Argument* dims = node.find("dims");
    const auto* order = dims ? std::get_if<std::vector<std::int64_t>>(dims) : nullptr;
    if (order == nullptr) throw CorruptError("a permute without dims");
    const auto rank = static_cast<std::int64_t>(order->size());
    std::vector<std::int64_t> inverse(order->size(), -1);
    for (std::int64_t i = 0; i < rank; ++i) {
      const std::int64_t dim = (*order)[static_cast<std::size_t>(i)];
      if (dim < -rank || dim >= rank) throw CorruptError("a permute with a wrong axis");
      inverse[static_cast<std::size_t>(dim < 0 ? dim + rank : dim)] = i;
    }
    if (std::count(inverse.begin(), inverse.end(), -1) > 0)
      throw CorruptError("a permute that leaves out an axis");
    node.arguments = {{"self", child.current}, {"dims", std::move(inverse)}};
    return node;
  }

  GraphNode scattered(const State& child, ValueId parent) {
    GraphNode node = *child.view;
    for (auto& [name, argument] : node.arguments) replace_known(argument);
    node.op += "_scatter";
    node.arguments.front().second = states_[parent].current;
    node.arguments.insert(node.arguments.begin() + 1, {"src", child.current});
    return node;
  }

  /// As replace(), for arguments that are numbers: those are never written in place.
  void replace_known(Argument& argument) const {
    if (auto* value = std::get_if<ValueId>(&argument)) *value = states_[*value].current;
  }

  Graph graph_;
  std::vector<State> states_;            // of the old values
  std::vector<std::uint64_t> versions_;  // of their memory
  std::unordered_set<std::string> names_;
  std::unordered_map<std::string, std::size_t> numbers_;
  std::size_t limit_ = 0;
  int depth_ = 0;
};

}  // namespace

Graph functional(Graph graph) {
  const bool pure = std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const GraphNode& node) {
    return functional_name(node.op).has_value();
  });
  return pure ? std::move(graph) : Functional(std::move(graph)).result();
}

}  // namespace mgit
