#include "eval/graph_runner.h"

#include <algorithm>
#include <set>

#include "eval/substitutes.h"
#include "graph/run_node.h"
#include "merge/batch_norms.h"
#include "mgit/format.h"

namespace mgit {
namespace {

using Values = std::vector<std::optional<ValueId>>;

constexpr std::string_view kAten = "aten.";

template <typename Visit>
void for_each_value(const Argument& argument, const Visit& visit) {
  if (const auto* id = std::get_if<ValueId>(&argument)) visit(*id);
  if (const auto* ids = std::get_if<Values>(&argument))
    for (const auto& id : *ids)
      if (id) visit(*id);
}

template <typename Visit>
void for_each_value(const GraphNode& node, const Visit& visit) {
  for (const auto& [name, argument] : node.arguments) for_each_value(argument, visit);
}

bool is_size(const GraphNode& node) { return node.op == "aten.sym_size"; }

bool is_flag(const GraphNode& node, std::string_view name) {
  const Argument* const argument = node.find(name);
  const auto* flag = argument == nullptr ? nullptr : std::get_if<bool>(argument);
  return flag != nullptr && *flag;
}

/// A norm that takes its statistics from what it is given has its running ones written, by ATen.
bool writes_statistics(const GraphNode& node) {
  return is_flag(node, "training") || is_flag(node, "use_input_stats");
}

std::string refusal(const GraphNode& node) {
  const std::string op = "operator " + node.op;
  if (can_run_node(node.op)) return "";
  if (!node.op.starts_with(kAten)) return op + " is none of ATen's, and cannot be run";
  if (!is_known_operator(node.op)) return op + " is none that mgit runs";
  if (!torch_has(node.op) && find_substitute(node.op) == nullptr)
    return op + " is not in this LibTorch";
  return "";
}

std::string place_of(const GraphNode& node) {
  return node.module.empty() ? "" : " in " + quote_name(node.module);
}

bool is_counter(const TensorInfo& info) { return !is_arithmetic(info.dtype); }

}  // namespace

std::optional<GraphNode> with_batch_statistics(const GraphNode& node) {
  const bool batch = node.op == "aten.batch_norm" || node.op == "aten.native_batch_norm" ||
                     node.op == "aten._native_batch_norm_legit_no_training";
  if (!batch && node.op != "aten.instance_norm") return std::nullopt;
  GraphNode result = node;
  const char* const flag = batch ? "training" : "use_input_stats";
  std::erase_if(result.arguments, [&](const auto& each) { return each.first == flag; });
  result.arguments.emplace_back(flag, true);
  if (node.op == "aten._native_batch_norm_legit_no_training") result.op = "aten.native_batch_norm";
  result.overload = "default";
  return result;
}

/// What is computed for some values, and when each is used last.
struct GraphRunner::Plan {
  std::vector<std::size_t> nodes;
  std::vector<std::size_t> last_use;  // by value; the number of nodes for those that stay
};

class GraphRunner::Run : public GraphRun {
 public:
  Run(const GraphRunner& runner, const Plan& plan, const RunHooks& hooks)
      : runner_(runner),
        graph_(runner.graph_),
        plan_(plan),
        hooks_(hooks),
        values_(graph_.values.size()) {
    for (const auto* given : {&runner.constants_, &runner.weights_})
      for (const auto& [id, tensor] : *given) values_[id] = tensor;
  }

  const Graph& graph() const override { return graph_; }

  const TorchTensor& value(ValueId id) const override {
    if (id >= values_.size() || !values_[id])
      throw Error("value " + (id < values_.size() ? quote_name(graph_.values[id].name) : "") +
                      " is not there",
                  graph_.source);
    return values_[id];
  }

  std::vector<TorchTensor> compute(const GraphNode& node) override {
    try {
      std::vector<TorchTensor> results = results_of(node);
      if (results.size() < node.outputs.size())
        throw Error(fmt::format("operator {}: {} results, of which the graph has {}", node.op,
                                results.size(), node.outputs.size()));
      return results;
    } catch (const Error& error) {
      if (!error.where().empty()) throw;
      throw Error(error.what() + place_of(node), graph_.source, error.hint());
    }
  }

  void set_input(ValueId id, const TorchTensor& tensor) { set(id, tensor, "it is given"); }

  void run() {
    for (const std::size_t index : plan_.nodes) step(index);
  }

 private:
  void step(std::size_t index) {
    const GraphNode& node = graph_.nodes[index];
    std::optional<std::vector<TorchTensor>> results;
    if (hooks_.instead) results = hooks_.instead(index, *this);
    if (!results) results = compute(node);
    if (results->size() < node.outputs.size())
      throw Error("node " + node.op + ": fewer values than it has outputs", graph_.source);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      set(node.outputs[i], (*results)[i], "operator " + node.op + place_of(node) + " gives");
    results.reset();
    if (hooks_.computed)
      for (const ValueId id : node.outputs) hooks_.computed(id, values_[id]);
    const auto drop = [&](ValueId id) {
      if (plan_.last_use[id] <= index) values_[id] = {};
    };
    for_each_value(node, drop);
    for (const ValueId id : node.outputs) drop(id);
  }

  void set(ValueId id, const TorchTensor& tensor, const std::string& what) {
    const GraphValue& described = graph_.values[id];
    const Shape shape = tensor.shape();
    bool fits = shape.size() == described.shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
      fits = !described.shape[i] || *described.shape[i] == shape[i];
    if (!fits)
      throw Error(fmt::format("value {}: {} [{}], which the graph has otherwise",
                              quote_name(described.name), what, shape_text(shape)),
                  graph_.source);
    values_[id] = tensor.to(described.dtype);
  }

  std::vector<TorchTensor> results_of(const GraphNode& node) const {
    if (is_size(node)) return {size_of(node)};
    if (!node.op.starts_with(kAten)) return fallback(node);
    const std::vector<TorchArgument> arguments = arguments_of(node);
    try {
      check_arguments(node.op, TorchArguments(arguments));
    } catch (const Error& error) {
      throw Error(fmt::format("operator {}: {}", node.op, error.what()));
    }
    const Substitute composed = find_substitute(node.op);
    try {
      if (torch_has(node.op))
        return call_torch(node.op, node.overload, arguments,
                          std::max<std::size_t>(node.outputs.size(), 1));
    } catch (const OperatorMissing&) {
      if (composed == nullptr) throw;
    }
    return composed == nullptr ? fallback(node) : composed(TorchArguments(arguments));
  }

  TorchTensor size_of(const GraphNode& node) const {
    const Argument* const self = node.find("self");
    const Argument* const dim = node.find("dim");
    const auto* id = self == nullptr ? nullptr : std::get_if<ValueId>(self);
    const auto* axis = dim == nullptr ? nullptr : std::get_if<std::int64_t>(dim);
    if (id == nullptr || axis == nullptr) throw Error("operator " + node.op + " of no axis");
    const Shape shape = value(*id).shape();
    const auto rank = static_cast<std::int64_t>(shape.size());
    const std::int64_t place = *axis < 0 ? *axis + rank : *axis;
    if (place < 0 || place >= rank)
      throw Error(fmt::format("operator {}: there is no axis {}", node.op, *axis));
    return TorchTensor::number(static_cast<std::int64_t>(shape[static_cast<std::size_t>(place)]));
  }

  /// In float64, by loops: for numbers, and what LibTorch lacks.
  std::vector<TorchTensor> fallback(const GraphNode& node) const {
    for_each_value(node, [&](ValueId id) {
      if (runner_.watched_ && is_arithmetic(graph_.values[id].dtype))
        throw Error("operator " + node.op + " has no gradient in this LibTorch");
    });
    std::map<ValueId, GraphTensor> arrays;
    std::vector<TorchTensor> results;
    for (const GraphTensor& each : run_node(graph_, node, [&](ValueId id) -> const GraphTensor& {
           auto [found, fresh] = arrays.try_emplace(id);
           if (fresh) found->second = graph_tensor(value(id).view());
           return found->second;
         }))
      results.push_back(
          TorchTensor(TensorView{DType::kF64, each.shape, std::as_bytes(std::span(each.values))})
              .to(each.dtype));
    return results;
  }

  std::vector<TorchArgument> arguments_of(const GraphNode& node) const {
    std::vector<TorchArgument> result;
    const bool writes = writes_statistics(node);
    for (const auto& [name, argument] : node.arguments) {
      const bool dropped = writes && (name == "running_mean" || name == "running_var");
      result.push_back({name, dropped ? TorchArgument::Value() : resolved(argument)});
    }
    return result;
  }

  TorchArgument::Value resolved(const Argument& argument) const {
    return std::visit(
        [&](const auto& held) -> TorchArgument::Value {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, ValueId>) {
            return value(held);
          } else if constexpr (std::is_same_v<Held, Values>) {
            TorchArgument::Tensors tensors;
            for (const auto& id : held) tensors.push_back(id ? value(*id) : TorchTensor());
            return tensors;
          } else {
            return held;
          }
        },
        argument);
  }

  const GraphRunner& runner_;
  const Graph& graph_;
  const Plan& plan_;
  const RunHooks& hooks_;
  std::vector<TorchTensor> values_;
};

GraphRunner::GraphRunner(Graph graph, const TensorSource* initializers)
    : graph_(std::move(graph)), initializers_(initializers) {
  for (const auto& [id, constant] : graph_.constants)
    constants_.emplace(
        id, TorchTensor(TensorView{constant.info.dtype, constant.info.shape, *constant.data}));
  std::vector<bool> used(graph_.values.size(), false);
  for (const GraphNode& node : graph_.nodes)
    for_each_value(node, [&](ValueId id) { used[id] = true; });
  for (const ValueId id : graph_.outputs) used[id] = true;
  for (const GraphParameter& parameter : graph_.parameters) {
    const GraphValue& value = graph_.values[parameter.value];
    slots_.push_back({parameter.tensor, value.dtype, value.shape, &value,
                      parameter.constant || !used[parameter.value]});
  }
}

void GraphRunner::set_weights(const TensorSource& weights) {
  std::map<ValueId, TorchTensor> filled;
  fill_slots(
      slots_, weights, graph_.source,
      [&](std::size_t slot, const TensorView& tensor) {
        const auto [known, fresh] = filled.try_emplace(graph_.parameters[slot].value);
        if (fresh)
          known->second = TorchTensor(tensor);
        else if (!std::ranges::equal(known->second.view().data, tensor.data))
          throw Error("the network has one tensor for this one and another, which differ here",
                      slots_[slot].name);
      },
      is_counter);
  for (const GraphParameter& parameter : graph_.parameters)
    if (parameter.constant && !filled.contains(parameter.value) && initializers_ != nullptr)
      filled.emplace(parameter.value, TorchTensor(initializers_->read(parameter.tensor).view));
  prefix_ = wrapper_prefix(slots_, weights);
  weights_ = std::move(filled);
  watched_ = false;
}

std::map<std::string, TorchTensor> GraphRunner::watch_weights() {
  std::map<std::string, TorchTensor> by_name;
  std::set<ValueId> done;
  for (const GraphParameter& parameter : graph_.parameters) {
    const auto found = weights_.find(parameter.value);
    if (found == weights_.end() || !is_arithmetic(found->second.dtype())) continue;
    if (is_running_statistic(parameter.tensor) || !done.insert(parameter.value).second) continue;
    found->second = found->second.watched();
    by_name.emplace(parameter.tensor.substr(prefix_.size()), found->second);
  }
  watched_ = true;
  return by_name;
}

const GraphRunner::Plan& GraphRunner::plan(const std::vector<ValueId>& wanted) {
  std::shared_ptr<const Plan>& kept = plans_[wanted];
  if (kept != nullptr) return *kept;
  auto plan = std::make_shared<Plan>();
  plan->last_use.assign(graph_.values.size(), 0);
  std::vector<bool> needed(graph_.values.size(), false);
  for (const ValueId id : wanted) {
    needed.at(id) = true;
    plan->last_use[id] = graph_.nodes.size();
  }
  for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
    const GraphNode& node = graph_.nodes[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(),
                     [&](ValueId id) { return needed[id]; }))
      continue;
    if (const std::string reason = refusal(node); !reason.empty())
      throw Error(reason + place_of(node), graph_.source);
    plan->nodes.push_back(i);
    for_each_value(node, [&](ValueId id) {
      needed[id] = true;
      plan->last_use[id] = std::max(plan->last_use[id], i);
    });
  }
  std::reverse(plan->nodes.begin(), plan->nodes.end());
  kept = std::move(plan);
  return *kept;
}

std::vector<TorchTensor> GraphRunner::run(const Inputs& inputs, const std::vector<ValueId>& wanted,
                                          const RunHooks& hooks) {
  Run run(*this, plan(wanted), hooks);
  for (const auto& [id, tensor] : inputs) run.set_input(id, tensor);
  run.run();
  std::vector<TorchTensor> results;
  for (const ValueId id : wanted) results.push_back(run.value(id));
  return results;
}

std::optional<ValueId> GraphRunner::returned_by(const std::string& module) const {
  const std::size_t mark = module.rfind('#');
  const std::string name = module.substr(0, mark);
  const std::string times = mark == std::string::npos ? "1" : module.substr(mark + 1);
  std::size_t run = 0;
  bool inside = false;
  std::optional<ValueId> last;
  for (const GraphNode& node : graph_.nodes) {
    if (node.module.empty() || node.outputs.empty()) continue;
    const bool of_it = node.module == name || node.module.starts_with(name + ".");
    if (of_it && !inside) ++run;
    inside = of_it;
    if (of_it && std::to_string(run) == times) last = node.outputs.front();
  }
  return last;
}

}  // namespace mgit
