#include "graph/pt2_program.h"

#include <unordered_set>

#include "graph/pt2_arguments.h"
#include "mgit/format.h"

namespace mgit {

namespace {

using fields::JsonValue;

constexpr std::int64_t kSchemaMajor = 8;
constexpr int kDeepest = 16;  // graphs inside graphs

constexpr std::string_view kOps = "torch.ops.";

/// Check what the exporter knew, and compute nothing.
const std::unordered_set<std::string_view> kAssertions = {
    "aten._assert_tensor_metadata", "aten.sym_constrain_range", "aten.sym_constrain_range_for_size",
    "aten._assert_scalar", "aten._assert_async"};

/// Operators that run a graph once, on the operands that follow it.
const std::unordered_set<std::string_view> kWrappers = {
    "higher_order.wrap_with_set_grad_enabled", "higher_order.wrap_with_autocast",
    "higher_order.tag_activation_checkpoint", "higher_order.wrap_activation_checkpoint",
    "higher_order.invoke_subgraph"};

/// "torch.ops.aten.add.Tensor" is aten.add, Tensor; "_operator.mul" has no overload.
std::pair<std::string, std::string> split_target(const std::string& target) {
  if (!target.starts_with(kOps)) return {target, ""};
  const std::string op = target.substr(kOps.size());
  const std::size_t first = op.find('.');
  const std::size_t last = op.rfind('.');
  if (first == last) return {op, ""};
  return {op.substr(0, last), op.substr(last + 1)};
}

/// The innermost of "key,path,type;key,path,type". A module's second call has "@1" at its end.
std::string module_path(const JsonValue& node) {
  const JsonValue* metadata = fields::find(node, "metadata");
  const JsonValue* stack =
      metadata == nullptr ? nullptr : fields::find(*metadata, "nn_module_stack");
  if (stack == nullptr || !stack->is_string()) return {};
  std::string_view text = stack->get_ref<const std::string&>();
  text.remove_prefix(std::min(text.rfind(';') + 1, text.size()));
  const std::size_t first = text.find(',');
  const std::size_t last = text.rfind(',');
  if (first == last || !text.starts_with("L__self__")) return {};
  text = text.substr(first + 1, last - first - 1);
  return std::string(text.substr(0, text.find('@')));
}

/// Where the graph of a wrapper stands among the inputs of its node, and its operands.
struct Wrapped {
  const JsonValue* graph = nullptr;
  std::vector<std::string> operands;
};

std::optional<Wrapped> wrapped(const JsonValue& inputs) {
  Wrapped result;
  for (const JsonValue& input : inputs) {
    const JsonValue& argument = fields::member(input, "arg");
    const JsonValue* graph = fields::find(argument, "as_graph");
    if (graph != nullptr) {
      if (result.graph != nullptr) return std::nullopt;
      result.graph = &fields::member(*graph, "graph");
    } else if (result.graph != nullptr) {
      for (std::string& name : value_names(argument)) result.operands.push_back(std::move(name));
    }
  }
  if (result.graph == nullptr) return std::nullopt;
  return result;
}

class ProgramReader {
 public:
  explicit ProgramReader(const Pt2Archive& archive)
      : archive_(archive), json_(fields::parse(archive.program())) {}

  Graph read() {
    check_version();
    const JsonValue& module = fields::member(json_, "graph_module");
    const JsonValue& graph = fields::member(module, "graph");
    Pt2Names names(graph, values_);
    for (const JsonValue& input : fields::array(fields::member(graph, "inputs"), "\"inputs\""))
      for (std::string& name : value_names(input)) unclaimed_.insert(std::move(name));
    const JsonValue& signature = fields::member(module, "signature");
    read_inputs(fields::member(signature, "input_specs"), names);
    read_nodes(graph, names, 0);
    read_outputs(fields::member(signature, "output_specs"), names);
    return std::move(graph_);
  }

 private:
  void check_version() const {
    const JsonValue& version = fields::member(json_, "schema_version");
    const std::int64_t major = fields::integer(fields::member(version, "major"), "a version");
    if (major != kSchemaMajor)
      throw Error(fmt::format("a program of schema version {}, where mgit reads version {}", major,
                              kSchemaMajor),
                  {}, "export it again with PyTorch 2.6 or later");
  }

  void read_inputs(const JsonValue& specs, Pt2Names& names) {
    for (const JsonValue& spec : fields::array(specs, "\"input_specs\"")) {
      const auto [kind, value] = fields::tagged(spec, "an input");
      if (kind == "constant_input" || kind == "custom_obj") continue;
      const JsonValue& argument = fields::member(value, "arg");
      if (kind == "user_input") {
        for (const std::string& name : value_names(argument))
          graph_.inputs.push_back(names.define(claim(name)));
        continue;
      }
      const std::string& name = claim(fields::text(fields::member(argument, "name"), "a name"));
      if (kind == "parameter")
        read_parameter(name, fields::text(fields::member(value, "parameter_name"), "a name"),
                       names);
      else if (kind == "buffer")
        read_buffer(name, value, names);
      else if (kind == "tensor_constant")
        read_constant(names.define(name),
                      fields::text(fields::member(value, "tensor_constant_name"), "a name"));
      else
        throw Error("inputs of the kind " + quote_name(kind) + " are not supported");
    }
    if (!unclaimed_.empty())
      throw CorruptError("the signature leaves out input " + quote_name(*unclaimed_.begin()));
  }

  const std::string& claim(const std::string& name) {
    if (unclaimed_.erase(name) == 0)
      throw CorruptError("the signature has " + quote_name(name) + " twice, or it is no input");
    return name;
  }

  /// Tied weights are one value, of all their names.
  void read_parameter(const std::string& name, const std::string& tensor, Pt2Names& names) {
    if (!tensors_.insert(tensor).second)
      throw CorruptError("the signature has tensor " + quote_name(tensor) + " twice");
    const std::vector<std::string>* tied = archive_.names_of(tensor);
    const auto known = tied == nullptr ? ties_.end() : ties_.find(tied);
    if (known != ties_.end()) {
      names.bind(name, known->second);
      return;
    }
    const ValueId id = names.define(name);
    if (tied != nullptr) ties_.emplace(tied, id);
    graph_.parameters.push_back({id, tensor});
    if (tied == nullptr) return;
    for (const std::string& other : *tied)
      if (other != tensor) graph_.parameters.push_back({id, other});
  }

  void read_buffer(const std::string& name, const JsonValue& buffer, Pt2Names& names) {
    const std::string& tensor = fields::text(fields::member(buffer, "buffer_name"), "a name");
    if (fields::boolean(fields::member(buffer, "persistent"), "\"persistent\""))
      read_parameter(name, tensor, names);
    else
      read_constant(names.define(name), tensor);
  }

  void read_constant(ValueId id, const std::string& name) {
    const GraphValue& value = graph_.values[id];
    TensorInfo info{name, value.dtype, {}};
    for (const auto& size : value.shape) {
      if (!size) throw CorruptError("constant " + quote_name(name) + " has no fixed shape");
      info.shape.push_back(*size);
    }
    graph_.constants[id] = archive_.constant(info);
  }

  void read_nodes(const JsonValue& graph, Pt2Names& names, int depth) {
    if (depth > kDeepest) throw CorruptError("graphs are nested too deeply");
    std::size_t index = 0;
    for (const JsonValue& node : fields::array(fields::member(graph, "nodes"), "\"nodes\"")) {
      try {
        read_node(node, names, depth);
      } catch (const CorruptError& error) {
        if (depth > 0) throw;
        throw CorruptError(fmt::format("node {}: {}", index, error.what()));
      }
      ++index;
    }
  }

  void read_node(const JsonValue& json, Pt2Names& names, int depth) {
    GraphNode node;
    std::tie(node.op, node.overload) =
        split_target(fields::text(fields::member(json, "target"), "\"target\""));
    const JsonValue& inputs = fields::array(fields::member(json, "inputs"), "\"inputs\"");
    const JsonValue& outputs = fields::array(fields::member(json, "outputs"), "\"outputs\"");
    if (outputs.empty() && kAssertions.contains(node.op)) return;
    if (kWrappers.contains(node.op) && read_wrapped(inputs, outputs, names, depth)) return;
    for (const JsonValue& input : inputs) {
      const std::string& name = fields::text(fields::member(input, "name"), "an argument's name");
      node.arguments.emplace_back(name.empty() ? std::to_string(node.arguments.size()) : name,
                                  read_argument(fields::member(input, "arg"), names, values_));
    }
    for (const JsonValue& output : outputs)
      for (const std::string& name : value_names(output))
        node.outputs.push_back(names.define(name));
    node.module = module_path(json);
    graph_.nodes.push_back(std::move(node));
  }

  /// False: it is not of the form that can be taken apart.
  bool read_wrapped(const JsonValue& inputs, const JsonValue& outputs, Pt2Names& names, int depth) {
    const auto found = wrapped(inputs);
    if (!found) return false;
    const std::vector<std::string> formal = all_names(fields::member(*found->graph, "inputs"));
    const std::vector<std::string> results = all_names(fields::member(*found->graph, "outputs"));
    const std::vector<std::string> wanted = all_names(outputs);
    if (formal.size() != found->operands.size() || results.size() != wanted.size()) return false;
    Pt2Names inner(*found->graph, values_);
    for (std::size_t i = 0; i < formal.size(); ++i)
      inner.bind(formal[i], names.use(found->operands[i]));
    read_nodes(*found->graph, inner, depth + 1);
    for (std::size_t i = 0; i < wanted.size(); ++i) names.bind(wanted[i], inner.use(results[i]));
    return true;
  }

  static std::vector<std::string> all_names(const JsonValue& arguments) {
    std::vector<std::string> result;
    for (const JsonValue& argument : fields::array(arguments, "a list of arguments"))
      for (std::string& name : value_names(argument)) result.push_back(std::move(name));
    return result;
  }

  /// What the network returns, then new contents of buffers and inputs, which are outputs as well.
  void read_outputs(const JsonValue& specs, const Pt2Names& names) {
    std::vector<ValueId> changed;
    for (const JsonValue& spec : fields::array(specs, "\"output_specs\"")) {
      const auto [kind, value] = fields::tagged(spec, "an output");
      if (kind == "token") continue;
      const JsonValue& argument = fields::member(value, "arg");
      if (kind == "user_output")
        for (const std::string& name : value_names(argument))
          graph_.outputs.push_back(names.use(name));
      else
        changed.push_back(names.use(fields::text(fields::member(argument, "name"), "a name")));
    }
    graph_.outputs.insert(graph_.outputs.end(), changed.begin(), changed.end());
  }

  const Pt2Archive& archive_;
  JsonValue json_;
  Graph graph_;
  GraphValues values_{graph_};
  std::unordered_set<std::string> unclaimed_;  // inputs of the graph
  std::unordered_set<std::string> tensors_;
  std::unordered_map<const std::vector<std::string>*, ValueId> ties_;
};

}  // namespace

Graph read_pt2_program(const Pt2Archive& archive) { return ProgramReader(archive).read(); }

}  // namespace mgit
