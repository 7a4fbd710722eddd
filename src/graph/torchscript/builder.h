// The graph that a TorchScript program makes as it is run: its values are tensors of known shapes.
#pragma once

#include <string>
#include <unordered_map>

#include "graph/torchscript/shapes.h"

namespace mgit::torchscript {

struct Signature;

class Builder {
 public:
  Tensor* input(const std::string& name, DType dtype, Shape shape);
  /// Of all these names, which are one tensor.
  Tensor* parameter(const std::vector<std::string>& names, const TensorInfo& info);
  Tensor* constant(GraphConstant constant);
  /// Numbers that are in the graph once an operator reads them.
  Tensor* known(interpreter::Array array);

  /// Runs an operator of ATen's, by its plain name ("add", "add_"). Where few numbers come of
  /// lengths and constants alone, they are computed and there is no node. Gives a tensor, or a list
  /// of them. Throws Error that names the operator.
  Value apply(const std::string& op, const Arguments& arguments);

  /// The module that nodes are made in.
  void set_module(std::string path) { module_ = std::move(path); }
  const std::string& module() const { return module_; }

  void output(const Value& value, int depth = 0);
  Arena& arena() { return arena_; }
  Graph take() { return std::move(graph_); }

 private:
  ValueId add(const std::string& name, DType dtype, const Shape& shape);
  ValueId id_of(Tensor& tensor);
  Tensor* made(ValueId id, DType dtype, Shape shape);
  std::optional<Value> computed(const std::string& op, const Signature& signature,
                                const Arguments& arguments);
  void check_written(const GraphNode& node, bool reshaping, std::vector<Result>& results);
  bool is_whole(const GraphNode& slice, const Result& result) const;
  Value emit(GraphNode node, bool in_place, int results);

  Graph graph_;
  Arena arena_;
  std::vector<Tensor*> tensors_;  // by value
  std::unordered_map<std::string, std::size_t> names_;
  std::string module_;
  std::size_t work_ = 0;  // numbers that were run on to learn shapes
};

}  // namespace mgit::torchscript
