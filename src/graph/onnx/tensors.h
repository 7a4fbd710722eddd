// The tensors of an ONNX file as values of the graph: weights or constants.
#pragma once

#include <string>
#include <unordered_map>

#include "graph/onnx/builder.h"
#include "graph/onnx/proto.h"

namespace mgit::onnx {

/// Each tensor is one value, however often it is asked for. Borrows the file's tensors.
class Tensors {
 public:
  explicit Tensors(Builder& build) : build_(build) {}

  /// Real numbers are a parameter; whole numbers, which nothing moves, are a constant.
  const Value& initializer(const Tensor& tensor);
  /// The value of a node named Constant. Several real numbers are a parameter, until
  /// bind_initializers knows better; but a vector of five or less, which may be the scales of a
  /// Resize, is a constant. Throws CorruptError, or Error for what is not supported.
  Value constant(const Node& node);
  /// A tensor in an attribute, as in a Constant; `name` is that of the value.
  const Value& attribute(const Tensor& tensor, const std::string& name);
  /// All of a graph, those in its nodes too; in the order of the file.
  std::vector<Value> all(const GraphProto& graph);

 private:
  Value constant(const Tensor& tensor, const std::string& name);
  Value reals(const std::string& name, const std::string& key, const std::vector<float>& reals,
              bool vector);

  Builder& build_;
  std::unordered_map<const Tensor*, Value> values_;
};

}  // namespace mgit::onnx
