#include "graph/onnx/reader.h"

#include <unordered_map>
#include <unordered_set>

#include "graph/onnx/choices.h"
#include "graph/onnx/names.h"
#include "graph/onnx/operator.h"
#include "graph/onnx/tensors.h"
#include "mgit/format.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kTimesRead = 16;  // nodes of graphs in nodes, on the average

Translator find_translator(std::string_view op) {
  static const auto kTable = [] {
    std::unordered_map<std::string_view, Translator> table;
    for (const auto rows :
         {elementwise_translators(), contraction_translators(), recurrent_translators(),
          norm_translators(), shape_translators(), piece_translators(), spatial_translators()})
      table.insert(rows.begin(), rows.end());
    return table;
  }();
  const auto found = kTable.find(op);
  return found == kTable.end() ? nullptr : found->second;
}

/// One reading of a file.
class Reader {
 public:
  Reader(const Model& model, const std::vector<GraphInput>& given, Choices& choices)
      : model_(model),
        given_(given),
        choices_(choices),
        tensors_(build_),
        patience_(kTimesRead * count_nodes(model.graph)) {}

  Graph read() {
    const GraphProto& graph = model_.graph;
    names_.enter(graph);
    collect_used(graph);
    define_initializers(graph);
    fix_lengths(graph);
    for (const ValueInfo& input : graph.inputs) read_input(input);
    std::size_t index = 0;
    for (const Node& node : graph.nodes) {
      const auto text = [&](const Error& error) {
        return fmt::format("node {} ({}): {}", index, node.op, error.what());
      };
      try {
        read_node(node);
      } catch (const Contradiction& error) {
        throw Contradiction(text(error));
      } catch (const CorruptError& error) {
        throw CorruptError(text(error));
      }
      ++index;
    }
    for (const ValueInfo& output : graph.outputs) {
      Value value = names_.use(output.name);
      build_.set_place(output.name, "");
      if (value.sequence.empty()) {
        build_.graph().outputs.push_back(build_.id(value));
      } else {
        for (Value& member : value.sequence) build_.graph().outputs.push_back(build_.id(member));
      }
    }
    tensors_.all(graph);  // also of branches that are never taken
    return std::move(build_.graph());
  }

 private:
  using Values = std::vector<Value>;

  void collect_used(const GraphProto& graph) {
    std::vector<std::string> inner;
    for (const Node& node : graph.nodes) {
      used_.insert(node.inputs.begin(), node.inputs.end());
      collect_names(node, inner);
    }
    used_.insert(inner.begin(), inner.end());
    for (const ValueInfo& output : graph.outputs) used_.insert(output.name);
  }

  void define_initializers(const GraphProto& graph) {
    for (const Tensor& tensor : graph.initializers)
      names_.define(tensor.name, tensors_.initializer(tensor));
  }

  /// Lengths of inputs that the file leaves open and the caller says.
  void fix_lengths(const GraphProto& graph) {
    if (given_.empty()) return;
    std::vector<const ValueInfo*> inputs;
    for (const ValueInfo& input : graph.inputs)
      if (!names_.contains(input.name)) inputs.push_back(&input);
    if (inputs.size() != given_.size())
      throw Error(fmt::format("the network has {} {}, and {} {} named", inputs.size(),
                              inputs.size() == 1 ? "input" : "inputs", given_.size(),
                              given_.size() == 1 ? "is" : "are"));
    for (std::size_t number = 0; number < inputs.size(); ++number) {
      const ValueInfo& input = *inputs[number];
      const Shape& shape = given_[number].shape;
      if (!input.shape || input.shape->size() != shape.size())
        throw Error(fmt::format("input {} has {} axes, not {}", quote_name(input.name),
                                input.shape ? input.shape->size() : 0, shape.size()));
      for (std::size_t i = 0; i < shape.size(); ++i) {
        const Dimension& said = (*input.shape)[i];
        if (said.number.value_or(shape[i]) != shape[i] ||
            !build_.fix(said.symbol, static_cast<std::int64_t>(shape[i])))
          throw Error(fmt::format("axis {} of input {} is not {} long", i, quote_name(input.name),
                                  shape[i]));
      }
      if (given_[number].number && input.dtype != DType::kI64 && input.dtype != DType::kI32)
        throw Error("input " + quote_name(input.name) + " is no whole number");
      said_.emplace(&input, &given_[number]);
    }
  }

  void read_input(const ValueInfo& input) {
    if (names_.contains(input.name)) return;  // an initializer, in old files
    build_.set_place(input.name, "");
    if (!input.is_tensor || !input.shape)
      throw Error("input " + quote_name(input.name) + " is not a tensor of known rank", {},
                  "export the network with example inputs");
    Sizes shape = sizes(*input.shape);
    const auto said = said_.find(&input);
    if (said != said_.end())
      for (std::size_t i = 0; i < shape.size(); ++i)
        shape[i] = {static_cast<std::int64_t>(said->second->shape[i]), 0};
    Value value = build_.declare(input.name, input.dtype, std::move(shape));
    if (said != said_.end() && said->second->number)
      value.numbers = Sizes{{*said->second->number, 0}};
    for (std::size_t i = 0; i < value.shape->size(); ++i)
      build_.source((*value.shape)[i], *value.id, i);
    build_.graph().inputs.push_back(*value.id);
    names_.define(input.name, std::move(value));
  }

  Sizes sizes(const std::vector<Dimension>& shape) {
    Sizes result;
    for (const Dimension& each : shape)
      result.push_back(each.number ? Size{static_cast<std::int64_t>(*each.number), 0}
                                   : build_.open(each.symbol));
    return result;
  }

  void read_node(const Node& node) {
    if (node.domain.empty() && node.op == "Constant") {
      Value value = tensors_.constant(node);
      return names_.define(node.outputs.front(), std::move(value));
    }
    if (node.domain.empty() && node.op == "If" && read_if(node)) return;
    Operator op(build_, node, model_.opset);
    for (const std::string& name : node.inputs)
      op.inputs.push_back(name.empty() ? std::nullopt : std::optional(names_.use(name)));
    while (!op.inputs.empty() && !op.inputs.back()) op.inputs.pop_back();
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                    [](const std::string& name) { return !name.empty(); });
    build_.set_place(first == node.outputs.end() ? node.op : *first, node.scope);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (used_.contains(node.outputs[i])) op.wanted = i + 1;
    const std::vector<std::optional<Value>> inputs = op.inputs;
    if (!translate(op)) keep(op);
    if (node.op == "Equal" && inputs.size() == 2) remember_equality(inputs, op.outputs.front());
    define_outputs(node, std::move(op.outputs));
  }

  bool translate(Operator& op) {
    if (!op.node.domain.empty()) return false;
    const auto ranked = [](const auto& input) {
      return !input || input->shape || !input->sequence.empty();
    };
    if (!std::all_of(op.inputs.begin(), op.inputs.end(), ranked)) return false;
    if (auto numbers = fold_numbers(op)) {
      op.outputs = {*std::move(numbers)};
      return op.wanted < 2;
    }
    const Translator translator = find_translator(op.node.op);
    if (translator == nullptr) return false;
    try {
      translator(op);  // nodes of a translation that is given up are not read, and fall away
    } catch (const NotTranslated&) {
      return false;
    }
    return op.outputs.size() >= op.wanted;
  }

  /// An operator that is not known, or not in this form.
  void keep(Operator& op) {
    GraphNode node;
    node.op = (op.node.domain.empty() ? "onnx" : op.node.domain) + "." + op.node.op;
    node.module = op.node.scope;
    const auto add = [&](std::optional<Value> value) {
      std::string name = std::to_string(node.arguments.size());
      if (!value) return node.arguments.emplace_back(std::move(name), std::monostate{});
      if (value->sequence.empty())
        return node.arguments.emplace_back(std::move(name), build_.id(*value));
      return node.arguments.emplace_back(std::move(name), build_.tensors(value->sequence));
    };
    for (const auto& input : op.inputs) add(input);
    std::vector<std::string> inner;
    collect_names(op.node, inner);
    std::unordered_set<std::string> seen;
    for (const std::string& name : inner)
      if (names_.contains(name) && seen.insert(name).second) add(names_.use(name));
    for (const auto& [name, attribute] : op.node.attributes)
      for (const auto& graph : attribute.graphs)
        for (Value& tensor : tensors_.all(*graph)) add(std::move(tensor));
    for (const auto& [name, attribute] : op.node.attributes) {
      if (attribute.number) node.arguments.emplace_back(name, *attribute.number);
      if (attribute.real) node.arguments.emplace_back(name, static_cast<double>(*attribute.real));
      if (attribute.text) node.arguments.emplace_back(name, *attribute.text);
      if (!attribute.numbers.empty()) node.arguments.emplace_back(name, attribute.numbers);
    }
    op.outputs.clear();
    for (const std::string& name : op.node.outputs) {
      const ValueInfo* found = names_.described(name);
      const bool known = found != nullptr && found->shape.has_value();
      const std::optional<Sizes> shape = known ? std::optional(sizes(*found->shape)) : std::nullopt;
      op.outputs.push_back(build_.declare(name, known ? found->dtype : DType::kF32, shape));
      node.outputs.push_back(*op.outputs.back().id);
    }
    build_.append(std::move(node));
  }

  /// What the file says of an output completes what was worked out, and must not contradict it.
  void define_output(const std::string& name, Value value) {
    const ValueInfo* found = names_.described(name);
    if (found != nullptr && found->shape && value.shape) {
      const std::vector<Dimension>& said = *found->shape;
      if (said.size() != value.shape->size())
        throw Contradiction(quote_name(name) + " is described with another rank than it has");
      for (std::size_t i = 0; i < said.size(); ++i) {
        if (!said[i].number) continue;
        Size& size = (*value.shape)[i];
        const auto length = static_cast<std::int64_t>(*said[i].number);
        if (size.known() && size.number != length)
          throw Contradiction(quote_name(name) + " is described with other lengths than it has");
        size = {length, 0};
      }
      if (value.id) build_.describe(*value.id, *value.shape);
    }
    if (value.id) build_.rename(*value.id, name);
    names_.define(name, std::move(value));
  }

  /// Two lengths that an operator compares: if they are equal, and only then, a condition holds.
  void remember_equality(const std::vector<std::optional<Value>>& inputs, const Value& result) {
    for (const auto& input : inputs)
      if (!input || !input->numbers || input->numbers->size() != 1) return;
    if (result.id) equal_[*result.id] = {inputs[0]->numbers->front(), inputs[1]->numbers->front()};
  }

  void assume(const Value& condition) {
    const auto found = condition.id ? equal_.find(*condition.id) : equal_.end();
    if (found == equal_.end()) return;
    const auto& [a, b] = found->second;
    if (!a.known() && b.known()) names_.settle(a, b, build_);
    if (!b.known() && a.known()) names_.settle(b, a, build_);
  }

  /// False: it has not the form of an If, or either branch may be taken and they have not one
  /// shape.
  bool read_if(const Node& node) {
    const GraphProto* yes = branch_of(node, "then_branch");
    const GraphProto* no = branch_of(node, "else_branch");
    if (yes == nullptr || no == nullptr || node.inputs.size() != 1) return false;
    const Value condition = names_.use(node.inputs.front());
    std::optional<bool> taken = known_condition(condition);
    if (!taken) {
      if (!condition.shape || patience_ == 0) return false;
      const auto first = attempt(*yes, &condition);
      const auto second = attempt(*no, nullptr);
      if (!first && !second) throw Contradiction("neither branch can run");
      if (first && second) {
        if (auto both = joined(node, condition, *first, *second)) {
          define_outputs(node, *std::move(both));
          return true;
        }
        taken = choices_.next(node);
        if (!taken) return false;
      } else {
        taken = first.has_value();
        choices_.saw(node, *taken);
      }
      if (*taken) assume(condition);
    } else {
      choices_.saw(node, *taken);
    }
    define_outputs(node, read_branch(*taken ? *yes : *no));
    return true;
  }

  static std::optional<bool> known_condition(const Value& condition) {
    const auto& numbers = condition.numbers;
    if (!numbers || numbers->size() != 1 || !numbers->front().known()) return std::nullopt;
    return numbers->front().number != 0;
  }

  Values read_branch(const GraphProto& graph) {
    names_.enter(graph);
    define_initializers(graph);
    for (const Node& node : graph.nodes) {
      if (patience_ > 0) --patience_;
      read_node(node);
    }
    Values values;
    for (const ValueInfo& output : graph.outputs) values.push_back(names_.use(output.name));
    names_.leave();
    return values;
  }

  /// What a branch gives; nullopt: it cannot run.
  std::optional<Values> attempt(const GraphProto& graph, const Value* assumed) {
    const Names::Mark before = names_.mark();
    const std::size_t made = choices_.made();
    std::optional<Values> values;
    try {
      if (assumed != nullptr) assume(*assumed);
      values = read_branch(graph);
    } catch (const Contradiction&) {
      if (choices_.made() != made) throw;  // another choice in there may do
    }
    names_.go_back(before, build_);
    return values;
  }

  /// Both branches are computed, and one of them chosen; nullopt: they have not one shape.
  std::optional<Values> joined(const Node& node, Value condition, Values first, Values second) {
    if (condition.shape->size() > 1 ||
        (condition.shape->size() == 1 && condition.shape->front() != Size{1, 0}))
      return std::nullopt;
    for (std::size_t i = 0; i < first.size(); ++i) {
      const Value& a = first[i];
      const Value& b = second[i];
      if (!a.shape || a.shape != b.shape || a.dtype != b.dtype) return std::nullopt;
    }
    Operator op(build_, node, model_.opset);
    build_.set_place(node.outputs.front(), node.scope);
    condition = op.reshape(std::move(condition), {});
    Values values;
    for (std::size_t i = 0; i < first.size(); ++i) {
      Value& a = first[i];
      const ValueId yes = build_.id(a);
      const ValueId no = build_.id(second[i]);
      values.push_back(
          yes == no ? a
                    : op.emit("where",
                              {{"condition", build_.id(condition)}, {"self", yes}, {"other", no}},
                              *a.shape, a.dtype));
    }
    return values;
  }

  void define_outputs(const Node& node, Values values) {
    for (std::size_t i = 0; i < std::min(node.outputs.size(), values.size()); ++i)
      if (!node.outputs[i].empty()) define_output(node.outputs[i], std::move(values[i]));
  }

  const Model& model_;
  const std::vector<GraphInput>& given_;
  Choices& choices_;
  Builder build_;
  Tensors tensors_;
  Names names_;
  std::size_t patience_;                  // for branches that may not be taken
  std::unordered_set<std::string> used_;  // names that something reads
  std::unordered_map<const ValueInfo*, const GraphInput*> said_;
  std::unordered_map<ValueId, std::pair<Size, Size>> equal_;
};

}  // namespace

Graph read_graph(const Model& model, const std::vector<GraphInput>& given) {
  for (Choices choices;;) {
    bool possible = true;
    try {
      Graph graph = Reader(model, given, choices).read();
      if (choices.made() == 0) return graph;
    } catch (const Contradiction&) {
      if (choices.made() == 0) throw;
      possible = false;
    } catch (const CorruptError&) {
      if (choices.made() == 0) throw;
      choices.give_up();
    }
    choices.go_on(possible);
  }
}

}  // namespace mgit::onnx
