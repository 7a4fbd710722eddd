#include "graph/onnx/tensors.h"

#include "base/wire.h"
#include "mgit/format.h"

namespace mgit::onnx {
namespace {

constexpr std::uint64_t kMostScales = 5;    // of a resized picture, one for each axis
constexpr std::uint64_t kMostReals = 64;    // of a constant, that may be factors
constexpr std::size_t kMostNumbers = 4096;  // of a constant, that are followed through the graph

/// The numbers of a constant of whole numbers or truth values.
std::optional<Sizes> numbers_of(const TensorInfo& info, const Buffer& data) {
  if (info.rank() > 1 || element_count(info.shape).value_or(0) > kMostNumbers) return std::nullopt;
  Sizes numbers;
  for (wire::Reader reader(data); !reader.done();) {
    if (info.dtype == DType::kI64)
      numbers.push_back({static_cast<std::int64_t>(reader.u64()), 0});
    else if (info.dtype == DType::kI32)
      numbers.push_back({static_cast<std::int32_t>(reader.u32()), 0});
    else if (info.dtype == DType::kBool)
      numbers.push_back({reader.u8() != 0 ? 1 : 0, 0});
    else
      return std::nullopt;
  }
  return numbers;
}

/// A few real numbers; nullopt for others, or too many.
std::optional<std::vector<double>> reals_of(const TensorInfo& info, Bytes data) {
  const auto count = element_count(info.shape);
  if (!is_arithmetic(info.dtype) || info.rank() > 1 || !count || *count > kMostReals)
    return std::nullopt;
  std::vector<double> reals(*count);
  to_double({info.dtype, info.shape, data}, reals);
  return reals;
}

/// Of a weight that may be a factor.
std::optional<std::vector<double>> few_reals(const Tensor& tensor) {
  const bool few = tensor.info.rank() == 1 && tensor.info.shape[0] <= kMostReals;
  if (!few || !tensor.has_data()) return std::nullopt;
  return reals_of(tensor.info, *tensor.data());
}

Sizes sizes_of(const TensorInfo& info) {
  Sizes shape;
  for (const std::uint64_t length : info.shape)
    shape.push_back({static_cast<std::int64_t>(length), 0});
  return shape;
}

}  // namespace

const Value& Tensors::initializer(const Tensor& tensor) {
  if (const auto found = values_.find(&tensor); found != values_.end()) return found->second;
  if (tensor.name.empty()) throw CorruptError("an initializer has no name");
  build_.set_place(tensor.name, "");
  if (!is_arithmetic(tensor.info.dtype) || tensor.info.rank() == 0)
    return values_.emplace(&tensor, constant(tensor, tensor.name)).first->second;
  Value value = build_.declare(tensor.name, tensor.info.dtype, sizes_of(tensor.info));
  build_.graph().parameters.push_back({*value.id, tensor.key.empty() ? tensor.name : tensor.key});
  value.reals = few_reals(tensor);
  return values_.emplace(&tensor, std::move(value)).first->second;
}

Value Tensors::constant(const Node& node) {
  if (node.outputs.size() != 1 || node.attributes.size() != 1)
    throw CorruptError("a constant without a value");
  const auto& [name, given] = *node.attributes.begin();
  const std::string& output = node.outputs.front();
  build_.set_place(output, node.scope);
  if (given.tensor) return attribute(*given.tensor, output);
  if (given.real || name == "value_floats")
    return reals(output, output + "." + name, given.real ? std::vector{*given.real} : given.reals,
                 !given.real);
  if (!given.number && name != "value_ints")
    throw Error("constant " + quote_name(output) + " is of a kind that is not supported");
  Value value;
  value.dtype = DType::kI64;
  value.numbers = known(given.number ? std::vector{*given.number} : given.numbers);
  value.shape.emplace();
  if (!given.number) value.shape->push_back({static_cast<std::int64_t>(given.numbers.size()), 0});
  return value;
}

const Value& Tensors::attribute(const Tensor& tensor, const std::string& name) {
  if (const auto found = values_.find(&tensor); found != values_.end()) return found->second;
  const std::uint64_t count = element_count(tensor.info.shape).value_or(0);
  const bool scales = tensor.info.rank() == 1 && count <= kMostScales;
  if (tensor.key.empty() || !is_arithmetic(tensor.info.dtype) || tensor.info.rank() == 0 ||
      count < 2 || scales)
    return values_.emplace(&tensor, constant(tensor, name)).first->second;
  Value value = build_.declare(name, tensor.info.dtype, sizes_of(tensor.info));
  build_.graph().parameters.push_back({*value.id, tensor.key, true});
  value.reals = few_reals(tensor);
  return values_.emplace(&tensor, std::move(value)).first->second;
}

std::vector<Value> Tensors::all(const GraphProto& graph) {
  std::vector<Value> values;
  for (const Tensor& tensor : graph.initializers) values.push_back(initializer(tensor));
  for (const Node& node : graph.nodes)
    for (const auto& [name, each] : node.attributes) {
      if (each.tensor && each.tensor->has_data() && !each.tensor->key.empty())
        values.push_back(attribute(*each.tensor, each.tensor->key));
      for (const auto& inner : each.graphs) {
        std::vector<Value> more = all(*inner);
        values.insert(values.end(), more.begin(), more.end());
      }
    }
  return values;
}

Value Tensors::reals(const std::string& name, const std::string& key,
                     const std::vector<float>& reals, bool vector) {
  TensorInfo info{key, DType::kF32, {}};
  if (vector) info.shape.push_back(reals.size());
  const auto bytes = std::as_bytes(std::span(reals));
  Value value =
      build_.constant(name, info, std::make_shared<const Buffer>(bytes.begin(), bytes.end()));
  value.reals = reals_of(info, bytes);
  return value;
}

Value Tensors::constant(const Tensor& tensor, const std::string& name) {
  TensorInfo info = tensor.info;
  info.name = tensor.key.empty() ? name : tensor.key;
  if (tensor.external)
    throw Error("constant " + quote_name(name) + " is in another file", {},
                "save the model with its data in it");
  if (info.dtype == DType::kBytes || !byte_size(info.dtype, info.shape))
    throw Error("constant " + quote_name(name) + " has a dtype that is not supported");
  auto data = tensor.data();
  auto numbers = numbers_of(info, *data);
  auto reals = reals_of(info, *data);
  Value value = build_.constant(name, info, std::move(data));
  value.numbers = std::move(numbers);
  value.reals = std::move(reals);
  return value;
}

}  // namespace mgit::onnx
