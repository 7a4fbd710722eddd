// Writes ONNX models for tests, well-formed or not: a few fields of protocol buffers.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "mgit/graph.h"

namespace mgit::testing {

/// One message, field after field.
class Message {
 public:
  Message& number(std::uint64_t field, std::uint64_t value) {
    varint(field << 3);
    varint(value);
    return *this;
  }
  Message& bytes(std::uint64_t field, const std::string& value) {
    varint(field << 3 | 2);
    varint(value.size());
    text_ += value;
    return *this;
  }
  Message& real(std::uint64_t field, float value) {
    varint(field << 3 | 5);
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7) text_ += static_cast<char>(value | 128);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

inline std::string raw_floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
inline std::string raw_longs(const std::vector<std::int64_t>& values) {
  std::string bytes(values.size() * sizeof(std::int64_t), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

constexpr int kOnnxFloat = 1;
constexpr int kOnnxLong = 7;

inline std::string tensor_proto(const std::string& name, const std::vector<std::int64_t>& shape,
                                int type, const std::string& raw) {
  Message message;
  for (const std::int64_t length : shape) message.number(1, static_cast<std::uint64_t>(length));
  message.number(2, static_cast<std::uint64_t>(type));
  message.bytes(8, name).bytes(9, raw);
  return message.text();
}

/// AttributeProto.
inline std::string integer(const std::string& name, std::int64_t value) {
  return Message().bytes(1, name).number(3, static_cast<std::uint64_t>(value)).text();
}
inline std::string integers(const std::string& name, const std::vector<std::int64_t>& values) {
  Message message;
  message.bytes(1, name);
  for (const std::int64_t value : values) message.number(8, static_cast<std::uint64_t>(value));
  return message.text();
}
inline std::string word(const std::string& name, const std::string& value) {
  return Message().bytes(1, name).bytes(4, value).text();
}
inline std::string subgraph(const std::string& name, const std::string& graph) {
  return Message().bytes(1, name).bytes(6, graph).text();
}

class OnnxFile {
 public:
  /// Lengths: numbers as text, names of open ones, "" for one that is not told.
  using Lengths = std::vector<std::string>;

  OnnxFile& input(const std::string& name, const Lengths& shape, int type = kOnnxFloat) {
    graph_.bytes(11, value_info(name, shape, type));
    return *this;
  }
  OnnxFile& describe(const std::string& name, const Lengths& shape) {
    graph_.bytes(13, value_info(name, shape, kOnnxFloat));
    return *this;
  }
  OnnxFile& output(const std::string& name) {
    graph_.bytes(12, Message().bytes(1, name).text());
    return *this;
  }
  OnnxFile& weight(const std::string& name, const std::vector<std::int64_t>& shape,
                   const std::vector<float>& values) {
    return initializer(tensor_proto(name, shape, kOnnxFloat, raw_floats(values)));
  }
  /// Numbers that no other weight has.
  OnnxFile& weight(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t length : shape) count *= length;
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(next_++);
    return weight(name, shape, values);
  }
  OnnxFile& longs(const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& values) {
    return initializer(tensor_proto(name, shape, kOnnxLong, raw_longs(values)));
  }
  OnnxFile& initializer(const std::string& tensor) {
    graph_.bytes(5, tensor);
    return *this;
  }
  OnnxFile& node(const std::string& op, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs,
                 const std::vector<std::string>& attributes = {}, const std::string& domain = {}) {
    graph_.bytes(1, node_proto(op, inputs, outputs, attributes, domain));
    return *this;
  }
  static std::string node_proto(const std::string& op, const std::vector<std::string>& inputs,
                                const std::vector<std::string>& outputs,
                                const std::vector<std::string>& attributes = {},
                                const std::string& domain = {}) {
    Message message;
    for (const std::string& name : inputs) message.bytes(1, name);
    for (const std::string& name : outputs) message.bytes(2, name);
    message.bytes(3, "/net/" + op).bytes(4, op);
    for (const std::string& attribute : attributes) message.bytes(5, attribute);
    if (!domain.empty()) message.bytes(7, domain);
    return message.text();
  }
  std::string graph() const { return graph_.text(); }
  std::string file(std::uint64_t opset = 20) const {
    return Message()
        .number(1, 10)
        .bytes(8, Message().bytes(1, "").number(2, opset).text())
        .bytes(7, graph_.text())
        .text();
  }

 private:
  static std::string value_info(const std::string& name, const Lengths& shape, int type) {
    Message dims;
    for (const std::string& length : shape) {
      const bool number = !length.empty() && length[0] >= '0' && length[0] <= '9';
      Message dim;
      if (number) dim.number(1, std::stoull(length));
      if (!number && !length.empty()) dim.bytes(2, length);
      dims.bytes(1, dim.text());
    }
    const std::string tensor =
        Message().number(1, static_cast<std::uint64_t>(type)).bytes(2, dims.text()).text();
    return Message().bytes(1, name).bytes(2, Message().bytes(1, tensor).text()).text();
  }

  Message graph_;
  float next_ = 1;
};

inline Graph read(const OnnxFile& file) { return read_onnx(as_bytes(file.file()), "net.onnx"); }
inline std::string text_of(const OnnxFile& file) { return graph_text(read(file)); }
/// The lines of nodes alone, without what is after the outputs' names.
inline std::string nodes_of(const OnnxFile& file) {
  std::string nodes;
  const std::string text = text_of(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (text[begin] == '%') nodes += text.substr(begin, end + 1 - begin);
    begin = end + 1;
  }
  return nodes;
}

/// "where: what" of the error that reading ends with; "" if it does not.
inline std::string onnx_refusal(const std::string& file) {
  try {
    read_onnx(as_bytes(file), "net.onnx");
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return {};
}

}  // namespace mgit::testing
