#include "graph/run_node.h"

#include "graph/interpreter/call.h"
#include "graph/torchscript/signatures.h"

namespace mgit {

bool is_known_operator(const std::string& op) {
  constexpr std::string_view kAten = "aten.";
  return op.starts_with(kAten) &&
         (can_run_node(op) || torchscript::is_operator(op.substr(kAten.size())));
}

bool can_run_node(const std::string& op) { return interpreter::find_operator(op) != nullptr; }

std::vector<GraphTensor> run_node(const Graph& graph, const GraphNode& node,
                                  const std::function<const GraphTensor&(ValueId)>& value) {
  const interpreter::Operator op = interpreter::find_operator(node.op);
  if (op == nullptr) throw Error("operator " + node.op + " cannot be computed");
  interpreter::Arrays results = op(interpreter::Call(node, value));
  interpreter::require(results.size() >= node.outputs.size(), "fewer results than outputs");
  results.resize(node.outputs.size());
  for (std::size_t i = 0; i < results.size(); ++i)
    results[i] =
        interpreter::conforming(std::move(results[i]), graph.values.at(node.outputs[i]).dtype);
  return results;
}

}  // namespace mgit
