// From a graph to a spec: runs it on layouts, then writes down what is left free.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "graph/derive_interpreter.h"
#include "graph/derive_writer.h"
#include "graph/interpreter/call.h"
#include "mgit/graph.h"

namespace mgit {
namespace {

using derivation::Cause;
using derivation::DerivedTensor;
using derivation::Interpreter;
using derivation::Term;

constexpr std::size_t kShown = 3;

std::string first_of(const std::vector<std::string>& names) {
  std::string text = fmt::format(
      "{}",
      fmt::join(names.begin(),
                names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)), ", "));
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

/// The checkpoint's tensors against the graph's parameters.
class Coverage {
 public:
  Coverage(const Graph& graph, const std::vector<TensorInfo>& network) : graph_(graph) {
    for (const TensorInfo& tensor : network) tensors_.emplace(tensor.name, &tensor);
    check_parameters();
    check_tensors();
  }

  /// The parameters that the checkpoint has, in the graph's order, each tensor once.
  const std::vector<GraphParameter>& parameters() const { return parameters_; }
  const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  void check_parameters() {
    std::set<ValueId> present;
    std::set<std::string> seen;
    for (const GraphParameter& parameter : graph_.parameters)
      if (tensors_.contains(parameter.tensor)) {
        present.insert(parameter.value);
        if (seen.insert(parameter.tensor).second) parameters_.push_back(parameter);
        check_shape(parameter);
      }
    std::vector<std::string> missing;
    for (const GraphParameter& parameter : graph_.parameters)
      if (!present.contains(parameter.value) && seen.insert(parameter.tensor).second)
        missing.push_back(parameter.tensor);
    if (!missing.empty())
      throw Error(
          fmt::format("the graph reads tensors that the checkpoint lacks: {}", first_of(missing)),
          graph_.source, "it is the graph of another network, or of other names");
  }

  void check_shape(const GraphParameter& parameter) const {
    const TensorInfo& tensor = *tensors_.at(parameter.tensor);
    const auto& shape = graph_.values[parameter.value].shape;
    bool equal = shape.size() == tensor.shape.size();
    Shape known;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      known.push_back(shape[i].value_or(0));
      equal = equal && (!shape[i] || *shape[i] == tensor.shape[i]);
    }
    if (!equal)
      throw Error(fmt::format("tensor '{}' is {} in the checkpoint, {} in the graph", tensor.name,
                              shape_text(tensor.shape), shape_text(known)),
                  graph_.source, "make the graph of a network of these sizes");
  }

  void check_tensors() {
    std::set<std::string> used;
    for (const GraphParameter& parameter : parameters_) used.insert(parameter.tensor);
    std::set<std::string> constants;
    for (const auto& [value, constant] : graph_.constants) constants.insert(constant.info.name);
    std::vector<std::string> unused;
    for (const auto& [name, tensor] : tensors_) {
      if (used.contains(name)) continue;
      const bool fixed = !interpreter::is_real(tensor->dtype) || constants.contains(name);
      (fixed ? skipped_ : unused).push_back(name);
    }
    if (!unused.empty())
      throw Error(fmt::format("the graph does not read every tensor of the checkpoint: {}",
                              first_of(unused)),
                  graph_.source,
                  "make the graph of the whole network: what it leaves out cannot be permuted");
  }

  const Graph& graph_;
  std::map<std::string, const TensorInfo*> tensors_;
  std::vector<GraphParameter> parameters_;
  std::vector<std::string> skipped_;
};

struct Derived {
  Derivation derivation;
  double freedom = 0;
};

/// Why axes of tensors stay as they are, in the order of the graph.
std::vector<Pin> collect_pins(Interpreter& interpreter, const std::vector<DerivedTensor>& tensors) {
  const Graph& graph = interpreter.graph();
  std::map<std::pair<std::uint32_t, std::string>, std::set<std::string>> found;
  for (const DerivedTensor& tensor : tensors)
    for (const Term dim : tensor.layout.dims)
      for (const Term atom : interpreter.terms().atoms(dim)) {
        if (!interpreter.terms().is_fixed(atom) || interpreter.terms().is_unit(atom)) continue;
        const Cause cause = interpreter.terms().cause(atom);
        if (cause.reason == nullptr || *cause.reason == '\0') continue;
        found[{cause.node, cause.reason}].insert(tensor.name);
      }
  std::vector<Pin> pins;
  for (const auto& [key, names] : found) {
    Pin pin;
    if (key.first < graph.nodes.size()) {
      const GraphNode& node = graph.nodes[key.first];
      pin.op = node.op;
      pin.where = node.module;
      if (pin.where.empty() && !node.outputs.empty())
        pin.where = graph.values[node.outputs.front()].name;
    }
    pin.reason = key.second;
    pin.tensors.assign(names.begin(), names.end());
    pins.push_back(std::move(pin));
  }
  return pins;
}

Derived derive(Interpreter& interpreter, const Coverage& coverage) {
  interpreter.run();
  std::vector<DerivedTensor> tensors;
  for (const GraphParameter& parameter : coverage.parameters()) {
    DerivedTensor tensor{parameter.tensor, interpreter.layout(parameter.value), true};
    tensor.match = !interpreter.statistics().contains(parameter.value);
    tensors.push_back(std::move(tensor));
  }
  derivation::WrittenSpec written =
      derivation::write_spec(interpreter, tensors, coverage.skipped());
  Derived derived;
  derived.freedom = written.freedom;
  derived.derivation.spec_text = std::move(written.text);
  derived.derivation.pins = collect_pins(interpreter, tensors);
  derived.derivation.unknown_operators.assign(interpreter.unknown_operators().begin(),
                                              interpreter.unknown_operators().end());
  return derived;
}

}  // namespace

Derivation derive_spec(const Graph& graph, const std::vector<TensorInfo>& network) {
  const Coverage coverage(graph, network);
  Interpreter draft(graph);
  Derived first = derive(draft, coverage);
  derivation::Cuts cuts = draft.cuts();
  if (cuts.empty()) return std::move(first.derivation);
  // Where axes are cut is known at the end alone. Cut from the beginning, parts need not be alike
  // inside; but an axis may then be in too many parts for a reshape that came before the cut.
  Interpreter interpreter(graph, std::move(cuts));
  Derived second = derive(interpreter, coverage);
  return std::move((second.freedom >= first.freedom ? second : first).derivation);
}

}  // namespace mgit
