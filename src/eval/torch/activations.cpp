// Outputs of modules inside a network. The graph of its forward is copied and inlined call by call;
// what a module's forward returned is kept there as one more output of the graph.
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "eval/torch/network.h"

namespace mgit::torch_plugin {
namespace {

/// One call of a module's forward, in the order of the calls.
struct ModuleCall {
  std::string name;        // "layer1.0.conv2"; the second call of one module "relu#2"
  torch::jit::Node* kept;  // a copy of what it returned
};

/// A copy of a network's forward in which the calls of its modules are known by name. Calls inside
/// a condition or a loop stay as they are. Used up by returning(); after a failure, of no use.
class ActivationGraph {
 public:
  explicit ActivationGraph(const torch::jit::Module& network)
      : graph_(network.get_method("forward").graph()->copy()) {
    torch::jit::Node* const end = graph_->return_node();
    for (torch::jit::Node* node = end->next(); node != end;) {
      torch::jit::Node* const before = node->prev();
      node = inlined(node) ? before->next() : node->next();
    }
  }

  /// The graph returns these, in this order, and computes nothing else that it need not.
  std::shared_ptr<torch::jit::Graph> returning(const std::vector<std::string>& names) {
    std::vector<torch::jit::Value*> values;
    for (const std::string& name : names) values.push_back(find(name).kept->output());
    while (graph_->outputs().size() > 0) graph_->eraseOutput(0);
    for (torch::jit::Value* value : values) graph_->registerOutput(value);
    for (const ModuleCall& call : calls_)
      if (call.kept->output()->uses().empty()) call.kept->destroy();
    calls_.clear();
    torch::jit::EliminateDeadCode(graph_);
    return graph_;
  }

 private:
  /// Puts the body of a method in place of its call.
  bool inlined(torch::jit::Node* call) {
    if (call->kind() != c10::prim::CallMethod) return false;
    const auto type = call->input(0)->type()->cast<c10::ClassType>();
    const std::optional<std::string> path = path_of(call->input(0));
    if (!type || !path) return false;
    const std::string method = call->s(c10::attr::name);
    torch::jit::Function* const function = type->findMethod(method);
    auto* const body = function != nullptr ? torch::jit::tryToGraphFunction(*function) : nullptr;
    if (body == nullptr) return false;
    torch::jit::Node* const after = call->next();
    const std::vector<torch::jit::Value*> returned = torch::jit::inlineCallTo(call, body);
    if (is_forward(method) && !path->empty() && returned.size() == 1 &&
        returned[0]->type()->isSubtypeOf(*c10::TensorType::get()))
      keep(*path, returned[0], after);
    return true;
  }

  /// Copied where it was returned: what follows may write into it.
  void keep(const std::string& path, torch::jit::Value* value, torch::jit::Node* before) {
    const torch::jit::WithInsertPoint here(before);
    torch::jit::Value* const copy = graph_->insert(c10::aten::clone, {value});
    const auto earlier = std::count(paths_.begin(), paths_.end(), path);
    paths_.push_back(path);
    calls_.push_back(
        {earlier == 0 ? path : path + "#" + std::to_string(earlier + 1), copy->node()});
  }

  /// The names from the network to a module: "" for itself; nullopt where it is no part of it.
  std::optional<std::string> path_of(torch::jit::Value* module) const {
    std::string path;
    while (module != graph_->inputs()[0]) {
      if (module->node()->kind() != c10::prim::GetAttr) return std::nullopt;
      path = module->node()->s(c10::attr::name) + (path.empty() ? "" : "." + path);
      module = module->node()->input(0);
    }
    return path;
  }

  /// Tracing calls a module's second run forward1.
  static bool is_forward(const std::string& method) {
    constexpr std::string_view kForward = "forward";
    return method.starts_with(kForward) &&
           std::all_of(method.begin() + kForward.size(), method.end(),
                       [](char c) { return c >= '0' && c <= '9'; });
  }

  const ModuleCall& find(const std::string& name) const {
    constexpr std::size_t kNamed = 8;
    std::string there;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (calls_[i].name == name) return calls_[i];
      if (i < kNamed) there += (i > 0 ? ", " : "") + calls_[i].name;
    }
    if (calls_.size() > kNamed) there += ", ...";
    throw std::runtime_error("no module '" + name + "' that always runs and returns a tensor" +
                             (there.empty() ? "" : " (there is: " + there + ")"));
  }

  std::shared_ptr<torch::jit::Graph> graph_;
  std::vector<std::string> paths_;
  std::vector<ModuleCall> calls_;
};

}  // namespace

void activations(MgitTorchNetwork& network, const std::vector<std::string>& names,
                 std::int64_t begin, std::int64_t end, std::int64_t batch,
                 const std::function<bool(std::size_t name, const at::Tensor& values)>& take) {
  if (begin < 0 || begin >= end || end > network.input.size(0))
    throw std::runtime_error("samples " + std::to_string(begin) + " to " + std::to_string(end) +
                             " are not among the data's " + std::to_string(network.input.size(0)));
  const c10::InferenceMode no_gradients;
  torch::jit::GraphExecutor executor(ActivationGraph(network.module).returning(names),
                                     "activations");
  const c10::FunctionSchema& schema = network.module.get_method("forward").function().getSchema();
  for (std::int64_t from = begin; from < end; from += batch) {
    torch::jit::Stack stack{network.module._ivalue(),
                            network.input.slice(0, from, std::min(from + batch, end))};
    schema.checkAndNormalizeInputs(stack);
    executor.run(stack);
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!take(i, stack.at(i).toTensor().to(at::kFloat).contiguous())) return;
  }
}

}  // namespace mgit::torch_plugin
