// What an ONNX file says: messages of onnx.proto as plain structs, names and bytes left in the
// file.
//
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Everything is checked to the last byte
// while it is read; nothing that the file only points to is opened. Borrows the file.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/graph.h"

namespace mgit::onnx {

/// TensorProto.
struct Tensor {
  std::string name;
  std::string key;  // where its bytes are those of a tensor of the checkpoint that the file is
  TensorInfo info;  // of dtype kBytes where mgit has none
  bool external = false;
  std::size_t fields_with_data = 0;
  Bytes raw;
  std::vector<Bytes> packed;          // float_data, double_data: little-endian numbers
  std::vector<std::uint64_t> listed;  // int32_data, int64_data, uint64_data

  bool has_data() const { return fields_with_data == 1 && !external; }
  /// Row-major; nullptr if the bytes are elsewhere. Throws CorruptError if they do not fill the
  /// shape.
  std::shared_ptr<const Buffer> data() const;
};

struct GraphProto;

/// AttributeProto: whatever is there of it.
struct Attribute {
  std::string name;
  std::optional<std::int64_t> number;
  std::optional<float> real;
  std::optional<std::string> text;
  std::vector<std::int64_t> numbers;
  std::vector<float> reals;
  std::vector<std::string> texts;
  std::optional<Tensor> tensor;
  std::vector<std::shared_ptr<const GraphProto>> graphs;
  bool complicated = false;  // sparse tensors, types, lists of tensors
};

struct Node {
  std::string op;
  std::string domain;  // "" for ONNX's own
  std::string name;
  std::string scope;  // the module, where an exporter says it
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;
};

/// A length: a number, a symbol's name, or nothing.
struct Dimension {
  std::optional<std::uint64_t> number;
  std::string symbol;
};

/// ValueInfoProto of a tensor; `shape` is nullopt if the rank is not given.
struct ValueInfo {
  std::string name;
  DType dtype = DType::kBytes;
  bool is_tensor = false;
  std::optional<std::vector<Dimension>> shape;
};

struct GraphProto {
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> values;
};

struct Model {
  GraphProto graph;
  std::uint64_t opset = 0;  // of ONNX's own operators
};

/// Throws CorruptError for what is no ONNX model, Error for what is not supported; without a place.
Model read_model(Bytes file);

/// Calls visit(tensor) for initialisers and tensors in attributes, of graphs in nodes too.
template <typename Visit>
void for_each_tensor(const GraphProto& graph, const Visit& visit) {
  for (const Tensor& tensor : graph.initializers) visit(tensor);
  for (const Node& node : graph.nodes)
    for (const auto& [name, attribute] : node.attributes) {
      if (attribute.tensor) visit(*attribute.tensor);
      for (const auto& inner : attribute.graphs) for_each_tensor(*inner, visit);
    }
}

/// TensorProto.DataType; kBytes for types that mgit has no dtype for.
DType dtype_of(std::int64_t type);

}  // namespace mgit::onnx
