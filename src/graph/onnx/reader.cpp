#include "graph/onnx/reader.h"

#include <unordered_map>
#include <unordered_set>

#include "base/wire.h"
#include "graph/onnx/operator.h"
#include "mgit/format.h"

namespace mgit::onnx {
namespace {

constexpr std::uint64_t kMostReals = 64;    // of a constant, that may be factors
constexpr std::size_t kMostNumbers = 4096;  // of a constant, that are followed through the graph

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

/// The numbers of a constant of whole numbers or truth values.
std::optional<Sizes> numbers_of(const TensorInfo& info, const Buffer& data) {
  if (info.rank() > 1 || element_count(info.shape).value_or(0) > kMostNumbers) return std::nullopt;
  Sizes numbers;
  for (wire::Reader reader(data); !reader.done();) {
    if (info.dtype == DType::kI64)
      numbers.push_back({static_cast<std::int64_t>(reader.u64()), 0});
    else if (info.dtype == DType::kI32)
      numbers.push_back({static_cast<std::int32_t>(reader.u32()), 0});
    else if (info.dtype == DType::kBool)
      numbers.push_back({reader.u8() != 0 ? 1 : 0, 0});
    else
      return std::nullopt;
  }
  return numbers;
}

/// A few real numbers; nullopt for others, or too many.
std::optional<std::vector<double>> reals_of(const TensorInfo& info, Bytes data) {
  const auto count = element_count(info.shape);
  if (!is_arithmetic(info.dtype) || info.rank() > 1 || !count || *count > kMostReals)
    return std::nullopt;
  std::vector<double> reals(*count);
  to_double({info.dtype, info.shape, data}, reals);
  return reals;
}

/// Names that graphs inside a node use, at any depth.
void collect_names(const Node& node, std::vector<std::string>& names) {
  for (const auto& [name, attribute] : node.attributes)
    for (const auto& graph : attribute.graphs) {
      for (const Node& inner : graph->nodes) {
        names.insert(names.end(), inner.inputs.begin(), inner.inputs.end());
        collect_names(inner, names);
      }
      for (const ValueInfo& output : graph->outputs) names.push_back(output.name);
    }
}

class Reader {
 public:
  explicit Reader(const Model& model) : model_(model) {}

  Graph read() {
    const GraphProto& graph = model_.graph;
    for (const auto* list : {&graph.values, &graph.outputs})
      for (const ValueInfo& info : *list)
        if (info.is_tensor) described_.emplace(info.name, &info);
    collect_used(graph);
    for (const Tensor& tensor : graph.initializers) read_initializer(tensor);
    for (const ValueInfo& input : graph.inputs) read_input(input);
    std::size_t index = 0;
    for (const Node& node : graph.nodes) {
      try {
        read_node(node);
      } catch (const CorruptError& error) {
        throw CorruptError(fmt::format("node {} ({}): {}", index, node.op, error.what()));
      }
      ++index;
    }
    for (const ValueInfo& output : graph.outputs) {
      Value value = use(output.name);
      build_.set_place(output.name, "");
      if (value.sequence.empty()) {
        build_.graph().outputs.push_back(build_.id(value));
      } else {
        for (Value& member : value.sequence) build_.graph().outputs.push_back(build_.id(member));
      }
    }
    return std::move(build_.graph());
  }

 private:
  void define(const std::string& name, Value value) {
    if (!names_.emplace(name, std::move(value)).second)
      throw CorruptError(quote_name(name) + " is defined twice");
  }

  const Value& use(const std::string& name) const {
    const auto found = names_.find(name);
    if (found == names_.end())
      throw CorruptError(quote_name(name) + " is used before it is defined");
    return found->second;
  }

  void collect_used(const GraphProto& graph) {
    std::vector<std::string> inner;
    for (const Node& node : graph.nodes) {
      used_.insert(node.inputs.begin(), node.inputs.end());
      collect_names(node, inner);
    }
    used_.insert(inner.begin(), inner.end());
    for (const ValueInfo& output : graph.outputs) used_.insert(output.name);
  }

  /// Floats are parameters; whole numbers, which nothing moves, are constants.
  void read_initializer(const Tensor& tensor) {
    if (tensor.name.empty()) throw CorruptError("an initializer has no name");
    build_.set_place(tensor.name, "");
    if (is_arithmetic(tensor.info.dtype) && tensor.info.rank() > 0) {
      Value value = build_.declare(tensor.name, tensor.info.dtype, sizes_of(tensor.info));
      build_.graph().parameters.push_back({*value.id, tensor.name});
      if (tensor.info.rank() == 1 && tensor.info.shape[0] <= kMostReals && tensor.has_data())
        value.reals = reals_of(tensor.info, *tensor.data());
      define(tensor.name, std::move(value));
      return;
    }
    define(tensor.name, constant(tensor, tensor.name));
  }

  static Sizes sizes_of(const TensorInfo& info) {
    Sizes shape;
    for (const std::uint64_t length : info.shape)
      shape.push_back({static_cast<std::int64_t>(length), 0});
    return shape;
  }

  Value constant(const Tensor& tensor, const std::string& name) {
    TensorInfo info = tensor.info;
    info.name = name;
    if (tensor.external)
      throw Error("constant " + quote_name(name) + " is in another file", {},
                  "save the model with its data in it");
    if (info.dtype == DType::kBytes || !byte_size(info.dtype, info.shape))
      throw Error("constant " + quote_name(name) + " has a dtype that is not supported");
    auto data = tensor.data();
    auto numbers = numbers_of(info, *data);
    auto reals = reals_of(info, *data);
    Value value = build_.constant(name, info, std::move(data));
    value.numbers = std::move(numbers);
    value.reals = std::move(reals);
    return value;
  }

  void read_input(const ValueInfo& input) {
    if (names_.contains(input.name)) return;  // an initializer, in old files
    build_.set_place(input.name, "");
    if (!input.is_tensor || !input.shape)
      throw Error("input " + quote_name(input.name) + " is not a tensor of known rank", {},
                  "export the network with example inputs");
    Value value = build_.declare(input.name, input.dtype, sizes(*input.shape));
    for (std::size_t i = 0; i < value.shape->size(); ++i)
      build_.source((*value.shape)[i], *value.id, i);
    build_.graph().inputs.push_back(*value.id);
    define(input.name, std::move(value));
  }

  Sizes sizes(const std::vector<Dimension>& shape) {
    Sizes result;
    for (const Dimension& each : shape)
      result.push_back(each.number ? Size{static_cast<std::int64_t>(*each.number), 0}
                                   : build_.open(each.symbol));
    return result;
  }

  void read_node(const Node& node) {
    if (node.domain.empty() && node.op == "Constant") return read_constant(node);
    Operator op(build_, node, model_.opset);
    for (const std::string& name : node.inputs)
      op.inputs.push_back(name.empty() ? std::nullopt : std::optional(use(name)));
    while (!op.inputs.empty() && !op.inputs.back()) op.inputs.pop_back();
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                    [](const std::string& name) { return !name.empty(); });
    build_.set_place(first == node.outputs.end() ? node.op : *first, node.scope);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (used_.contains(node.outputs[i])) op.wanted = i + 1;
    if (!translate(op)) keep(op);
    for (std::size_t i = 0; i < std::min(node.outputs.size(), op.outputs.size()); ++i)
      if (!node.outputs[i].empty()) define_output(node.outputs[i], op.outputs[i]);
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
      if (names_.contains(name) && seen.insert(name).second) add(use(name));
    for (const auto& [name, attribute] : op.node.attributes) {
      if (attribute.number) node.arguments.emplace_back(name, *attribute.number);
      if (attribute.real) node.arguments.emplace_back(name, static_cast<double>(*attribute.real));
      if (attribute.text) node.arguments.emplace_back(name, *attribute.text);
      if (!attribute.numbers.empty()) node.arguments.emplace_back(name, attribute.numbers);
    }
    op.outputs.clear();
    for (const std::string& name : op.node.outputs) {
      const auto found = described_.find(name);
      const bool known = found != described_.end() && found->second->shape.has_value();
      const std::optional<Sizes> shape =
          known ? std::optional(sizes(*found->second->shape)) : std::nullopt;
      op.outputs.push_back(build_.declare(name, known ? found->second->dtype : DType::kF32, shape));
      node.outputs.push_back(*op.outputs.back().id);
    }
    build_.append(std::move(node));
  }

  void read_constant(const Node& node) {
    if (node.outputs.size() != 1 || node.attributes.size() != 1)
      throw CorruptError("a constant without a value");
    const auto& [name, attribute] = *node.attributes.begin();
    const std::string& output = node.outputs.front();
    build_.set_place(output, node.scope);
    if (attribute.tensor) return define(output, constant(*attribute.tensor, output + "." + name));
    Value value;
    if (attribute.number || name == "value_ints") {
      value.dtype = DType::kI64;
      value.numbers = known(attribute.number ? std::vector{*attribute.number} : attribute.numbers);
      value.shape.emplace();
      if (!attribute.number)
        value.shape->push_back({static_cast<std::int64_t>(attribute.numbers.size()), 0});
    } else if (attribute.real || name == "value_floats") {
      const std::vector<float> reals =
          attribute.real ? std::vector{*attribute.real} : attribute.reals;
      TensorInfo info{output + "." + name, DType::kF32, {}};
      if (!attribute.real) info.shape.push_back(reals.size());
      const auto bytes = std::as_bytes(std::span(reals));
      value =
          build_.constant(output, info, std::make_shared<const Buffer>(bytes.begin(), bytes.end()));
      value.reals = reals_of(info, bytes);
    } else {
      throw Error("constant " + quote_name(output) + " is of a kind that is not supported");
    }
    define(output, std::move(value));
  }

  /// What the file says of an output completes what was worked out, and must not contradict it.
  void define_output(const std::string& name, Value value) {
    const auto found = described_.find(name);
    if (found != described_.end() && found->second->shape && value.shape) {
      const std::vector<Dimension>& said = *found->second->shape;
      if (said.size() != value.shape->size())
        throw CorruptError(quote_name(name) + " is described with another rank than it has");
      for (std::size_t i = 0; i < said.size(); ++i) {
        if (!said[i].number) continue;
        Size& size = (*value.shape)[i];
        const auto length = static_cast<std::int64_t>(*said[i].number);
        if (size.known() && size.number != length)
          throw CorruptError(quote_name(name) + " is described with other lengths than it has");
        size = {length, 0};
      }
      if (value.id) build_.describe(*value.id, *value.shape);
    }
    if (value.id) build_.rename(*value.id, name);
    define(name, std::move(value));
  }

  const Model& model_;
  Builder build_;
  std::unordered_map<std::string, Value> names_;
  std::unordered_map<std::string, const ValueInfo*> described_;
  std::unordered_set<std::string> used_;  // names that something reads
};

}  // namespace

Graph read_graph(const Model& model) { return Reader(model).read(); }

}  // namespace mgit::onnx
