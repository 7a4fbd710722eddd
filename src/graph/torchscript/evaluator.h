// Runs a TorchScript program on shapes: calls are followed, numbers computed, and every operator on
// tensors becomes a node of the graph.
#pragma once

#include <map>
#include <string>

#include "graph/torchscript/modules.h"

namespace mgit::torchscript {

class Evaluator {
 public:
  Evaluator(Archive& archive, Modules& modules, Builder& builder)
      : archive_(archive), modules_(modules), builder_(builder) {}

  /// What the network gives. Throws CorruptError and Error, which names the module.
  Value forward(std::vector<Value> inputs);

 private:
  using Locals = std::map<std::string, Value, std::less<>>;

  Value call(const Function& function, Arguments arguments);
  Value call_method(Object& object, const std::string& name, Arguments arguments);
  Value call_qualified(const std::string& name, Arguments arguments);
  std::optional<Value> run(const std::vector<Statement>& body, Locals& locals);
  std::optional<Value> run_with(const Statement& statement, Locals& locals);
  std::optional<Value> loop(const Statement& statement, Locals& locals);
  void assign(const Statement& statement, Locals& locals);
  void assign(const Expression& target, Value value, Locals& locals);

  Value evaluate(const Expression& expression, Locals& locals);
  Value evaluate_name(const Expression& expression, Locals& locals);
  Value evaluate_attribute(const Expression& expression, Locals& locals);
  Value evaluate_subscript(const Expression& expression, Locals& locals);
  Value evaluate_call(const Expression& expression, Locals& locals);
  Value call_named(const std::string& name, const Expression& expression, Locals& locals);
  Value call_operator(const std::string& name, const Arguments& arguments);
  Arguments arguments_of(const Expression& expression, Locals& locals, std::size_t first = 1);
  std::vector<Value> all(const std::vector<Expression>& expressions, Locals& locals);
  void count();

  Archive& archive_;
  Modules& modules_;
  Builder& builder_;
  std::size_t steps_ = 0;
  int depth_ = 0;
};

}  // namespace mgit::torchscript
