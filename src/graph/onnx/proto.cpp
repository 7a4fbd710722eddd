#include "graph/onnx/proto.h"

#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "format/onnx.h"
#include "format/protobuf.h"
#include "mgit/format.h"

namespace mgit::onnx {
namespace {

using protobuf::Field;
using protobuf::WireType;

constexpr unsigned kMaximumDepth = 32;  // graphs in nodes of graphs
constexpr std::size_t kMaximumRank = 64;
constexpr std::uint64_t kFirstIrVersion = 3;

Bytes message(const Field& field) {
  if (field.type != WireType::kBytes)
    throw CorruptError("a field is of another type than ONNX gives it");
  return field.bytes;
}

std::string text(const Field& field) { return std::string(as_text(message(field))); }

std::uint64_t number(const Field& field) {
  if (field.type != WireType::kVarint) throw CorruptError("a number is none");
  return field.value;
}

float real(const Field& field) {
  if (field.type != WireType::kFixed32) throw CorruptError("a number is none");
  return std::bit_cast<float>(wire::Reader(field.bytes).u32());
}

/// Calls visit(field) for all fields of a message.
template <typename Visit>
void for_each_field(Bytes bytes, const Visit& visit) {
  protobuf::Reader reader(bytes);
  while (const auto field = reader.next()) visit(*field);
}

/// A repeated number, packed or not.
void append_numbers(const Field& field, std::vector<std::uint64_t>& out) {
  if (field.type == WireType::kVarint) {
    out.push_back(field.value);
    return;
  }
  for (wire::Reader packed(message(field)); !packed.done();) out.push_back(packed.varint());
}

void append_reals(const Field& field, std::vector<float>& out) {
  if (field.type == WireType::kFixed32) {
    out.push_back(real(field));
    return;
  }
  for (wire::Reader packed(message(field)); !packed.done();)
    out.push_back(std::bit_cast<float>(packed.u32()));
}

/// Where the message that is read stands.
struct Place {
  const std::unordered_map<const std::byte*, std::string>& keys;  // by the first byte of a tensor
  unsigned depth = 0;

  Place inside() const { return {keys, depth + 1}; }
};

Tensor read_tensor(Bytes bytes, const Place& place) {
  Tensor tensor;
  Shape shape;
  std::uint64_t type = 0;
  bool raw = false;
  for_each_field(bytes, [&](const Field& field) {
    switch (field.number) {
      case 1:
        append_numbers(field, shape);
        break;
      case 2:
        type = number(field);
        break;
      case 8:
        tensor.name = text(field);
        break;
      case 9:
        tensor.raw = message(field);
        raw = true;
        break;
      case 4:
      case 10:
        if (field.type == WireType::kVarint) throw CorruptError("a tensor's number is none");
        tensor.packed.push_back(field.bytes);
        break;
      case 5:
      case 7:
      case 11:
        append_numbers(field, tensor.listed);
        break;
      case 6:
        throw Error("tensors of text are not supported");
      case 13:
        tensor.external = true;
        break;
      case 14:
        tensor.external = tensor.external || number(field) == 1;
        break;
      default:
        break;
    }
  });
  if (shape.size() > kMaximumRank) throw CorruptError("a tensor has too many axes");
  const DType dtype = dtype_of(static_cast<std::int64_t>(std::min<std::uint64_t>(type, 1000)));
  if (!byte_size(DType::kC128, shape)) throw CorruptError("a tensor's sizes overflow");
  tensor.info = {tensor.name, dtype, std::move(shape)};
  tensor.fields_with_data =
      (raw ? 1U : 0U) + (tensor.packed.empty() ? 0U : 1U) + (tensor.listed.empty() ? 0U : 1U);
  const Bytes first = tensor.packed.empty() ? tensor.raw : tensor.packed.front();
  if (const auto key = place.keys.find(first.data()); key != place.keys.end())
    tensor.key = key->second;
  return tensor;
}

GraphProto read_graph(Bytes bytes, const Place& place);

Attribute read_attribute(Bytes bytes, const Place& place) {
  Attribute attribute;
  std::vector<std::uint64_t> numbers;
  for_each_field(bytes, [&](const Field& field) {
    switch (field.number) {
      case 1:
        attribute.name = text(field);
        break;
      case 2:
        attribute.real = real(field);
        break;
      case 3:
        attribute.number = std::bit_cast<std::int64_t>(number(field));
        break;
      case 4:
        attribute.text = text(field);
        break;
      case 5:
        attribute.tensor = read_tensor(message(field), place);
        break;
      case 6:
      case 11:
        attribute.graphs.push_back(
            std::make_shared<const GraphProto>(read_graph(message(field), place.inside())));
        break;
      case 7:
        append_reals(field, attribute.reals);
        break;
      case 8:
        append_numbers(field, numbers);
        break;
      case 9:
        attribute.texts.push_back(text(field));
        break;
      case 10:
      case 14:
      case 15:
      case 22:
      case 23:
      case 21:
        attribute.complicated = true;
        break;
      default:
        break;
    }
  });
  for (const std::uint64_t each : numbers)
    attribute.numbers.push_back(std::bit_cast<std::int64_t>(each));
  return attribute;
}

std::pair<std::string, std::string> read_entry(Bytes bytes) {
  std::pair<std::string, std::string> entry;
  for_each_field(bytes, [&](const Field& field) {
    if (field.number == 1) entry.first = text(field);
    if (field.number == 2) entry.second = text(field);
  });
  return entry;
}

/// The last but one of "['', 'encoder', 'encoder.fc', 'linear']": the last is the operator.
std::string scope_of(std::string_view list) {
  std::string last;
  std::string before;
  for (std::size_t at = list.find('\''); at != std::string_view::npos;) {
    const std::size_t end = list.find('\'', at + 1);
    if (end == std::string_view::npos) break;
    before = std::exchange(last, std::string(list.substr(at + 1, end - at - 1)));
    at = list.find('\'', end + 1);
  }
  return before;
}

/// "/encoder/layers.0/MatMul" is in encoder.layers.0.
std::string scope_of_name(std::string_view name) {
  if (!name.starts_with('/')) return {};
  name.remove_prefix(1);
  name = name.substr(0, name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/'));
  std::string scope(name);
  std::replace(scope.begin(), scope.end(), '/', '.');
  return scope;
}

Node read_node(Bytes bytes, const Place& place) {
  Node node;
  for_each_field(bytes, [&](const Field& field) {
    switch (field.number) {
      case 1:
        node.inputs.push_back(text(field));
        break;
      case 2:
        node.outputs.push_back(text(field));
        break;
      case 3:
        node.name = text(field);
        break;
      case 4:
        node.op = text(field);
        break;
      case 5: {
        Attribute attribute = read_attribute(message(field), place);
        std::string name = attribute.name;
        if (!node.attributes.emplace(std::move(name), std::move(attribute)).second)
          throw CorruptError("a node has an attribute twice");
        break;
      }
      case 7:
        node.domain = text(field);
        break;
      case 9: {
        const auto [key, value] = read_entry(message(field));
        if (key == "pkg.torch.onnx.name_scopes") node.scope = scope_of(value);
        break;
      }
      default:
        break;
    }
  });
  if (node.domain == "ai.onnx") node.domain.clear();
  if (node.scope.empty()) node.scope = scope_of_name(node.name);
  return node;
}

Dimension read_dimension(Bytes bytes) {
  Dimension dimension;
  for_each_field(bytes, [&](const Field& field) {
    if (field.number == 1) {
      const auto length = std::bit_cast<std::int64_t>(number(field));
      if (length >= 0) dimension.number = static_cast<std::uint64_t>(length);
    }
    if (field.number == 2) dimension.symbol = text(field);
  });
  return dimension;
}

void read_tensor_type(Bytes bytes, ValueInfo& info) {
  info.is_tensor = true;
  for_each_field(bytes, [&](const Field& field) {
    if (field.number == 1)
      info.dtype =
          dtype_of(static_cast<std::int64_t>(std::min<std::uint64_t>(number(field), 1000)));
    if (field.number != 2) return;
    info.shape.emplace();
    for_each_field(message(field), [&](const Field& part) {
      if (part.number == 1) info.shape->push_back(read_dimension(message(part)));
    });
    if (info.shape->size() > kMaximumRank) throw CorruptError("a value has too many axes");
    Shape known;
    for (const Dimension& each : *info.shape) known.push_back(each.number.value_or(1));
    if (!byte_size(DType::kC128, known)) throw CorruptError("a value's sizes overflow");
  });
}

ValueInfo read_value(Bytes bytes) {
  ValueInfo info;
  for_each_field(bytes, [&](const Field& field) {
    if (field.number == 1) info.name = text(field);
    if (field.number != 2) return;
    for_each_field(message(field), [&](const Field& type) {
      if (type.number == 1) read_tensor_type(message(type), info);
    });
  });
  return info;
}

GraphProto read_graph(Bytes bytes, const Place& place) {
  if (place.depth > kMaximumDepth) throw CorruptError("graphs are nested too deeply");
  GraphProto graph;
  for_each_field(bytes, [&](const Field& field) {
    switch (field.number) {
      case 1:
        graph.nodes.push_back(read_node(message(field), place));
        break;
      case 5:
        graph.initializers.push_back(read_tensor(message(field), place));
        break;
      case 11:
        graph.inputs.push_back(read_value(message(field)));
        break;
      case 12:
        graph.outputs.push_back(read_value(message(field)));
        break;
      case 13:
        graph.values.push_back(read_value(message(field)));
        break;
      case 15:
        throw Error("sparse initializers are not supported");
      default:
        break;
    }
  });
  return graph;
}

Model read_checked(Bytes file) {
  Model model;
  std::uint64_t version = 0;
  std::size_t graphs = 0;
  Bytes graph;
  for_each_field(file, [&](const Field& field) {
    if (field.number == 1) version = number(field);
    if (field.number == 7) {
      graph = message(field);
      ++graphs;
    }
    if (field.number != 8) return;
    std::string domain;
    std::uint64_t opset = 0;
    for_each_field(message(field), [&](const Field& part) {
      if (part.number == 1) domain = text(part);
      if (part.number == 2) opset = number(part);
    });
    if (domain.empty() || domain == "ai.onnx") model.opset = opset;
  });
  if (version < kFirstIrVersion || graphs != 1) throw CorruptError("it is not an ONNX model");
  std::unordered_map<const std::byte*, std::string> keys;
  for (StoredTensor& tensor : parse_onnx(file).value_or(std::vector<StoredTensor>()))
    keys.emplace(file.data() + tensor.offset, std::move(tensor.info.name));
  model.graph = read_graph(graph, {keys});
  return model;
}

}  // namespace

DType dtype_of(std::int64_t type) {
  constexpr DType kTypes[] = {
      DType::kBytes,      DType::kF32,   DType::kU8,     DType::kI8,         DType::kU16,
      DType::kI16,        DType::kI32,   DType::kI64,    DType::kBytes,      DType::kBool,
      DType::kF16,        DType::kF64,   DType::kU32,    DType::kU64,        DType::kC64,
      DType::kC128,       DType::kBF16,  DType::kF8E4M3, DType::kF8E4M3Fnuz, DType::kF8E5M2,
      DType::kF8E5M2Fnuz, DType::kBytes, DType::kBytes,  DType::kF4,         DType::kF8E8M0,
  };
  const bool known = type >= 0 && type < static_cast<std::int64_t>(std::size(kTypes));
  return known ? kTypes[type] : DType::kBytes;
}

std::shared_ptr<const Buffer> Tensor::data() const {
  if (external) return nullptr;
  const auto size = byte_size(info.dtype, info.shape);
  if (fields_with_data > 1 || !size)
    throw CorruptError("tensor " + quote_name(name) + " has no plain data");
  Buffer bytes;
  if (!raw.empty()) {
    bytes.assign(raw.begin(), raw.end());
  } else if (!packed.empty()) {
    for (const Bytes part : packed) bytes.insert(bytes.end(), part.begin(), part.end());
  } else if (!listed.empty()) {
    const std::uint64_t width = *size / listed.size();
    if (width > sizeof(std::uint64_t) || width * listed.size() != *size)
      throw CorruptError("tensor " + quote_name(name) + " has not the numbers of its shape");
    bytes.resize(*size);
    for (std::size_t i = 0; i < listed.size(); ++i)
      std::memcpy(bytes.data() + i * width, &listed[i], width);
  }
  if (bytes.size() != *size)
    throw CorruptError("tensor " + quote_name(name) + " has not the bytes of its shape");
  return std::make_shared<const Buffer>(std::move(bytes));
}

Model read_model(Bytes file) {
  try {
    return read_checked(file);
  } catch (const wire::Malformed& error) {
    throw CorruptError(std::string("it is not an ONNX model: ") + error.what());
  }
}

}  // namespace mgit::onnx
