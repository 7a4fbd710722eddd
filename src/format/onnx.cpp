#include "format/onnx.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "format/protobuf.h"
#include "format/stored_tensors.h"

namespace mgit {
namespace {

using protobuf::Field;
using protobuf::WireType;

constexpr unsigned kOnnxMaximumDepth = 32;  // graphs in nodes of graphs
constexpr std::size_t kOnnxMaximumRank = 64;
constexpr std::size_t kLongestName = 4096;  // names of tensors in nodes are put together
constexpr std::uint64_t kFirstIrVersion = 3;
constexpr std::uint64_t kLastIrVersion = 1000;

namespace model {
enum : std::uint64_t {
  kIrVersion = 1,
  kModelVersion = 5,
  kGraph = 7,
  kOpsets = 8,
  kFunctions = 25
};
}
namespace graph {
enum : std::uint64_t { kNode = 1, kName = 2, kInitializer = 5 };
}
namespace function {
enum : std::uint64_t { kName = 1, kNode = 7 };
}
namespace node {
enum : std::uint64_t { kOutput = 2, kAttribute = 5 };
}
namespace attribute {
enum : std::uint64_t { kName = 1, kTensor = 5, kGraph = 6, kTensors = 10, kGraphs = 11 };
}
namespace tensor {
enum : std::uint64_t {
  kDims = 1,
  kType = 2,
  kFloats = 4,
  kName = 8,
  kRaw = 9,
  kDoubles = 10,
  kExternal = 13
};
enum : std::uint64_t { kFloat = 1, kDouble = 11, kComplex64 = 14 };
}  // namespace tensor
namespace entry {
enum : std::uint64_t { kKey = 1, kValue = 2 };
}

[[noreturn]] void refuse(const char* why) { throw wire::Malformed(why); }

Bytes message(const Field& field) {
  if (field.type != WireType::kBytes) refuse("a field is of another type than ONNX gives it");
  return field.bytes;
}

std::string text(const Field& field) { return std::string(as_text(message(field))); }

/// TensorProto.DataType; types without a counterpart are bytes.
DType dtype_of(std::uint64_t type) {
  constexpr DType kTypes[] = {
      DType::kBytes,      DType::kF32,   DType::kU8,     DType::kI8,         DType::kU16,
      DType::kI16,        DType::kI32,   DType::kI64,    DType::kBytes,      DType::kBool,
      DType::kF16,        DType::kF64,   DType::kU32,    DType::kU64,        DType::kC64,
      DType::kBytes,      DType::kBF16,  DType::kF8E4M3, DType::kF8E4M3Fnuz, DType::kF8E5M2,
      DType::kF8E5M2Fnuz, DType::kBytes, DType::kBytes,  DType::kF4,         DType::kF8E8M0,
  };
  return type < std::size(kTypes) ? kTypes[type] : DType::kBytes;
}

/// What a TensorProto says, as far as it matters where its bytes are.
struct TensorMessage {
  std::string name;
  Shape shape;
  std::uint64_t type = 0;
  Bytes data;
  std::size_t fields_with_data = 0;
  std::string location;  // of its bytes, in another file

  void dims(const Field& field) {
    if (field.type == WireType::kVarint)
      shape.push_back(field.value);
    else
      for (wire::Reader packed(message(field)); !packed.done();) shape.push_back(packed.varint());
    if (shape.size() > kOnnxMaximumRank) refuse("a tensor has too many axes");
  }

  void content(const Field& field) {
    if (field.type == WireType::kBytes) data = field.bytes;
    ++fields_with_data;
  }

  void external(const Field& field) {
    std::string key;
    std::string value;
    protobuf::Reader reader(message(field));
    while (const auto part = reader.next()) {
      if (part->number == entry::kKey) key = text(*part);
      if (part->number == entry::kValue) value = text(*part);
    }
    if (key == "location") location = value;
  }
};

TensorMessage read_tensor(Bytes bytes) {
  TensorMessage result;
  protobuf::Reader reader(bytes);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case tensor::kDims:
        result.dims(*field);
        break;
      case tensor::kType:
        if (field->type != WireType::kVarint) refuse("a tensor's type is not a number");
        result.type = field->value;
        break;
      case tensor::kName:
        result.name = text(*field);
        break;
      case tensor::kExternal:
        result.external(*field);
        break;
      case tensor::kRaw:
        message(*field);
        result.content(*field);
        break;
      case tensor::kFloats:
        if (result.type == tensor::kFloat || result.type == tensor::kComplex64)
          result.content(*field);
        break;
      case tensor::kDoubles:
        if (result.type == tensor::kDouble) result.content(*field);
        break;
      default:
        break;
    }
  }
  return result;
}

/// One pass over a model, its graphs and functions. Owns nothing: the file outlives it. Throws
/// CorruptError for whatever is no ONNX model.
class ModelReader {
 public:
  explicit ModelReader(Bytes file) : file_(file) {}

  std::vector<StoredTensor> read() {
    Bytes main_graph;
    std::vector<Bytes> functions;
    std::size_t graphs = 0;
    std::size_t opsets = 0;
    std::uint64_t version = 0;
    protobuf::Reader reader(file_);
    while (const auto field = reader.next()) {
      check_known(*field);
      if (field->number == model::kIrVersion) version = field->value;
      if (field->number == model::kOpsets) ++opsets;
      if (field->number == model::kFunctions) functions.push_back(field->bytes);
      if (field->number == model::kGraph) {
        main_graph = field->bytes;
        ++graphs;
      }
    }
    if (version < kFirstIrVersion || version > kLastIrVersion || opsets == 0 || graphs != 1)
      refuse("not an ONNX model");
    read_graph(main_graph, "", 0);
    for (const Bytes function : functions) read_function(function);
    return std::move(tensors_);
  }

  /// Files that read() found tensors to be in.
  const std::set<std::string>& external_files() const { return external_files_; }

 private:
  /// The fields of ModelProto, by number and type.
  static void check_known(const Field& field) {
    const bool number = field.number == model::kIrVersion || field.number == model::kModelVersion;
    const bool known = field.number <= 8 || field.number == 14 || field.number == 20 ||
                       field.number == model::kFunctions || field.number == 26;
    if (!known || field.type != (number ? WireType::kVarint : WireType::kBytes))
      refuse("not a field of an ONNX model");
  }

  void read_graph(Bytes bytes, const std::string& prefix, unsigned depth) {
    if (depth > kOnnxMaximumDepth) refuse("graphs nested too deeply");
    protobuf::Reader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == graph::kNode) read_node(message(*field), prefix, depth);
      if (field->number == graph::kName) message(*field);
      if (field->number == graph::kInitializer) {
        const TensorMessage tensor = read_tensor(message(*field));
        add(tensor, prefix + tensor.name);
      }
    }
  }

  void read_function(Bytes bytes) {
    std::string name;
    std::vector<Bytes> nodes;
    protobuf::Reader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == function::kName) name = text(*field);
      if (field->number == function::kNode) nodes.push_back(message(*field));
    }
    for (const Bytes node : nodes) read_node(node, name + "/", 0);
  }

  void read_node(Bytes bytes, const std::string& prefix, unsigned depth) {
    std::optional<std::string> output;
    std::vector<Bytes> attributes;
    protobuf::Reader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == node::kOutput && !output) output = text(*field);
      if (field->number == node::kAttribute) attributes.push_back(message(*field));
    }
    for (const Bytes attribute : attributes)
      read_attribute(attribute, prefix + output.value_or("") + ".", depth);
  }

  void read_attribute(Bytes bytes, std::string prefix, unsigned depth) {
    std::vector<Bytes> tensors;
    std::vector<Bytes> graphs;
    protobuf::Reader reader(bytes);
    while (const auto field = reader.next()) {
      if (field->number == attribute::kName) prefix += text(*field);
      if (field->number == attribute::kTensor || field->number == attribute::kTensors)
        tensors.push_back(message(*field));
      if (field->number == attribute::kGraph || field->number == attribute::kGraphs)
        graphs.push_back(message(*field));
    }
    for (const Bytes tensor : tensors) add(read_tensor(tensor), prefix);
    for (const Bytes graph : graphs) read_graph(graph, prefix + "/", depth + 1);
  }

  /// Unless its bytes are elsewhere, in several places, or not those of its dtype and shape.
  void add(const TensorMessage& found, const std::string& name) {
    if (!found.location.empty()) external_files_.insert(found.location);
    if (found.fields_with_data != 1 || found.data.empty()) return;
    StoredTensor tensor;
    tensor.info = {"", dtype_of(found.type), found.shape};
    tensor.offset = static_cast<std::uint64_t>(found.data.data() - file_.data());
    tensor.length = found.data.size();
    const auto size = byte_size(tensor.info.dtype, found.shape);
    if (tensor.info.dtype == DType::kBytes || !size) {
      tensor.info.dtype = DType::kBytes;
      tensor.info.shape = {tensor.length};
    } else if (*size != tensor.length) {
      return;
    }
    tensor.info.name = unused(name);
    tensors_.push_back(std::move(tensor));
  }

  std::string unused(const std::string& name) {
    if (name.size() > kLongestName) refuse("a name is too long");
    std::string candidate = name;
    auto [place, fresh] = names_.emplace(name, 1);
    while (!fresh) {
      candidate = fmt::format("{}#{}", name, ++place->second);
      fresh = names_.emplace(candidate, 1).second;
    }
    return candidate;
  }

  Bytes file_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::size_t> names_;  // how often each was wanted
  std::set<std::string> external_files_;
};

}  // namespace

std::optional<std::vector<StoredTensor>> parse_onnx(Bytes file) {
  try {
    return checked_tensors(ModelReader(file).read(), file.size());
  } catch (const wire::Malformed&) {
    return std::nullopt;
  } catch (const CorruptError&) {
    return std::nullopt;
  }
}

std::vector<std::string> onnx_external_files(Bytes file) {
  try {
    ModelReader reader(file);
    reader.read();
    return {reader.external_files().begin(), reader.external_files().end()};
  } catch (const wire::Malformed&) {
    return {};
  }
}

}  // namespace mgit
