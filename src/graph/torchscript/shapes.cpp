#include "graph/torchscript/shapes.h"

#include <unordered_set>

#include <fmt/format.h>

#include "graph/interpreter/windows.h"
#include "graph/torchscript/types.h"

namespace mgit::torchscript {

namespace {

using interpreter::Array;
using interpreter::Call;
using interpreter::Integers;
using interpreter::require;

using Shapes = std::vector<Shape>;

constexpr std::size_t kMostNumbers = std::size_t{1} << 25;  // in the arguments of what is run

/// Those whose results have lengths that depend on numbers, not on shapes.
const std::unordered_set<std::string_view> kOnNumbers = {"aten.nonzero", "aten.masked_select"};

Shape of(const Call& call, std::string_view name) { return call.tensor(name).shape; }

Shapes broadcast_all(const Call& call) {
  Shape shape;
  for (const auto& [name, argument] : call.node().arguments)
    if (std::holds_alternative<ValueId>(argument))
      shape = interpreter::broadcast(shape, of(call, name));
  return {shape};
}

Shapes same(const Call& call) {
  for (const auto& [name, argument] : call.node().arguments)
    if (std::holds_alternative<ValueId>(argument)) return {of(call, name)};
  interpreter::refuse("it has no tensor");
}

Shape product_of(Shape a, Shape b) {
  require(!a.empty() && !b.empty(), "a product of single numbers");
  const bool row = a.size() == 1;
  const bool column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  require(a.back() == b[b.size() - 2], "a product of other lengths");
  Shape shape = interpreter::broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!row) shape.push_back(a[a.size() - 2]);
  if (!column) shape.push_back(b.back());
  return shape;
}

Shapes matmul(const Call& call) { return {product_of(of(call, "self"), of(call, "other"))}; }
Shapes mm(const Call& call) { return {product_of(of(call, "self"), of(call, "mat2"))}; }
Shapes addmm(const Call& call) { return {product_of(of(call, "mat1"), of(call, "mat2"))}; }
Shapes baddbmm(const Call& call) { return {product_of(of(call, "batch1"), of(call, "batch2"))}; }

Shapes linear(const Call& call) {
  Shape shape = of(call, "input");
  const Shape weight = of(call, "weight");
  require(!shape.empty() && weight.size() == 2 && shape.back() == weight[1],
          "weights for inputs of another length");
  shape.back() = weight[0];
  return {shape};
}

Shapes embedding(const Call& call) {
  Shape shape = of(call, "indices");
  const Shape weight = of(call, "weight");
  require(weight.size() == 2, "a table that is no matrix");
  shape.push_back(weight[1]);
  return {shape};
}

Shapes attention(const Call& call) {
  const Shape query = of(call, "query");
  const Shape value = of(call, "value");
  require(query.size() >= 2 && value.size() >= 2, "attention over no sequence");
  Shape shape = query;
  shape.back() = value.back();
  return {shape};
}

Shape convolved(const Shape& input, const Shape& weight, const Call& call, bool transposed) {
  require(weight.size() >= 3 && weight.size() <= 5, "weights of no convolution");
  const std::size_t space = weight.size() - 2;
  require(input.size() == space + 1 || input.size() == space + 2,
          "a convolution of an input with other axes");
  const auto stride = call.naturals("stride", space, 1);
  const Argument* given = call.node().find("padding");
  const bool word = given != nullptr && std::holds_alternative<std::string>(*given);
  const bool same_length = word && std::get<std::string>(*given) == "same";
  const auto padding = word ? std::vector<std::size_t>(space) : call.naturals("padding", space, 0);
  const auto dilation = call.naturals("dilation", space, 1);
  const std::uint64_t groups = static_cast<std::uint64_t>(call.integer("groups", 1));
  const std::size_t channel = input.size() - space - 1;
  require(groups > 0 && groups < (1 << 20) &&
              input[channel] == (transposed ? weight[0] : weight[1] * groups),
          "a convolution of other channels");
  Shape shape = input;
  shape[channel] = transposed ? weight[1] * groups : weight[0];
  const auto more = call.naturals("output_padding", space, 0);
  for (std::size_t i = 0; i < space; ++i) {
    for (const std::size_t each : {stride[i], padding[i], dilation[i], more[i]})
      require(each < (1 << 14), "a window of huge size");
    std::uint64_t& length = shape[channel + 1 + i];
    require(stride[i] > 0 && weight[2 + i] > 0 && length > 0, "a window of no size");
    if (same_length) continue;  // their stride is 1
    const std::uint64_t reach = dilation[i] * (weight[2 + i] - 1) + 1;
    const std::uint64_t ends = 2 * padding[i];
    const std::uint64_t room =
        transposed ? (length - 1) * stride[i] + reach + more[i] : length + ends;
    require(room > (transposed ? ends : reach - 1), "a window that is larger than its space");
    length = transposed ? room - ends : (room - reach) / stride[i] + 1;
  }
  return shape;
}

Shapes convolution(const Call& call) {
  return {convolved(
      of(call, "input"), of(call, "weight"), call,
      call.flag("transposed", false) || call.node().op.find("transpose") != std::string::npos)};
}

Shapes recurrent(const Call& call) {
  const bool two = call.node().op == "aten.lstm";
  const Shape hidden = two ? call.tensors("hx").at(0)->shape : of(call, "hx");
  Shape shape = of(call, "input");
  require(!shape.empty() && !hidden.empty(), "a state of no units");
  shape.back() = hidden.back() * (call.flag("bidirectional", false) ? 2 : 1);
  if (!two) return {shape, hidden};
  return {shape, hidden, call.tensors("hx").at(1)->shape};
}

Shapes transposed(const Call& call) {
  Shape shape = of(call, "self");
  if (shape.size() == 2) std::swap(shape[0], shape[1]);
  require(shape.size() <= 2, "more than two axes");
  return {shape};
}

Shapes reshaped(const Call& call) {
  const Shape from = of(call, "self");
  const std::size_t elements = interpreter::count(from);
  Shape shape = interpreter::resolved(
      call.integers(call.node().find("size") != nullptr ? "size" : "shape"), elements);
  require(interpreter::count(shape) == elements, "a shape of another number of elements");
  return {shape};
}

Shapes pooled(const Call& call) {
  Shape shape = of(call, "self");
  const std::size_t space = call.node().op.find("2d") != std::string::npos ? 2 : 1;
  require(shape.size() > space, "a picture of no channels");
  const interpreter::Integers to = call.integers("output_size");
  require(to.size() == space || to.size() == 1, "another number of axes");
  for (std::size_t i = 0; i < space; ++i) {
    const std::int64_t length = to[to.size() == 1 ? 0 : i];
    require(length >= 0, "a negative length");
    shape[shape.size() - space + i] = static_cast<std::uint64_t>(length);
  }
  return {shape};
}

using Rule = Shapes (*)(const Call&);

const std::unordered_map<std::string_view, Rule>& rules() {
  static const auto kRules = [] {
    std::unordered_map<std::string_view, Rule> table = {
        {"matmul", matmul},
        {"mm", mm},
        {"bmm", mm},
        {"addmm", addmm},
        {"baddbmm", baddbmm},
        {"linear", linear},
        {"embedding", embedding},
        {"scaled_dot_product_attention", attention},
        {"conv1d", convolution},
        {"conv2d", convolution},
        {"conv3d", convolution},
        {"conv_transpose1d", convolution},
        {"conv_transpose2d", convolution},
        {"conv_transpose3d", convolution},
        {"convolution", convolution},
        {"lstm", recurrent},
        {"gru", recurrent},
        {"rnn_tanh", recurrent},
        {"rnn_relu", recurrent},
        {"t", transposed},
        {"view", reshaped},
        {"reshape", reshaped},
        {"adaptive_avg_pool1d", pooled},
        {"adaptive_avg_pool2d", pooled},
        {"_adaptive_avg_pool2d", pooled},
    };
    for (const char* op :
         {"add",        "sub",         "mul",         "div",          "rsub",      "subtract",
          "multiply",   "divide",      "true_divide", "floor_divide", "remainder", "fmod",
          "pow",        "eq",          "ne",          "lt",           "le",        "gt",
          "ge",         "maximum",     "minimum",     "where",        "addcmul",   "addcdiv",
          "lerp",       "logical_and", "logical_or",  "logical_xor",  "__and__",   "__or__",
          "__xor__",    "bitwise_and", "bitwise_or",  "bitwise_xor",  "atan2",     "clamp",
          "masked_fill"})
      table.emplace(op, broadcast_all);
    for (const char* op : {"abs",
                           "alias",
                           "alpha_dropout",
                           "batch_norm",
                           "ceil",
                           "celu",
                           "clamp_max",
                           "clamp_min",
                           "clone",
                           "contiguous",
                           "copy",
                           "cos",
                           "cumsum",
                           "cumprod",
                           "detach",
                           "dropout",
                           "elu",
                           "erf",
                           "exp",
                           "expm1",
                           "feature_alpha_dropout",
                           "feature_dropout",
                           "fill",
                           "floor",
                           "full_like",
                           "gelu",
                           "group_norm",
                           "hardsigmoid",
                           "hardswish",
                           "hardtanh",
                           "instance_norm",
                           "layer_norm",
                           "leaky_relu",
                           "lift_fresh",
                           "log",
                           "log1p",
                           "log_sigmoid",
                           "log_softmax",
                           "logical_not",
                           "mish",
                           "neg",
                           "ones_like",
                           "prelu",
                           "reciprocal",
                           "relu",
                           "relu6",
                           "rms_norm",
                           "round",
                           "rsqrt",
                           "selu",
                           "sigmoid",
                           "sign",
                           "silu",
                           "sin",
                           "softmax",
                           "softplus",
                           "sqrt",
                           "square",
                           "tanh",
                           "to",
                           "tril",
                           "triu",
                           "type_as",
                           "zero",
                           "zeros_like",
                           "index_put",
                           "scatter",
                           "scatter_add",
                           "index_fill",
                           "empty_like"})
      table.emplace(op, same);
    return table;
  }();
  return kRules;
}

/// Arguments as arrays of zeros, or without numbers at all where shapes are enough.
class ArgumentArrays {
 public:
  ArgumentArrays(const TensorOf& tensor_of, bool filled) : tensor_of_(tensor_of), filled_(filled) {}

  const Array& operator()(ValueId id) {
    const auto [place, fresh] = arrays_.try_emplace(id);
    if (!fresh) return place->second;
    const Tensor& tensor = tensor_of_(id);
    Array& array = place->second;
    if (tensor.known) {
      array = *tensor.known;
      return array;
    }
    array.dtype = tensor.dtype;
    array.shape = tensor.shape;
    if (!filled_) return array;
    numbers_ += element_count(tensor.shape).value_or(kMostNumbers + 1);
    require(numbers_ <= kMostNumbers, "its arguments are too large to tell the lengths of it");
    array.values.resize(element_count(tensor.shape).value_or(0));
    return array;
  }

 private:
  const TensorOf& tensor_of_;
  bool filled_;
  std::map<ValueId, Array> arrays_;
  std::size_t numbers_ = 0;
};

/// Lengths that only the numbers of a tensor tell.
bool depends_on_numbers(const GraphNode& node, const TensorOf& tensor_of) {
  if (kOnNumbers.contains(node.op)) return true;
  const auto unknown = [&](const Argument* argument) {
    const auto* id = argument == nullptr ? nullptr : std::get_if<ValueId>(argument);
    return id != nullptr && !tensor_of(*id).known;
  };
  if (node.op == "aten.repeat_interleave") return unknown(node.find("repeats"));
  if (node.op == "aten.one_hot") return node.find("num_classes") == nullptr;
  if (node.op != "aten.index" && node.op != "aten._unsafe_index") return false;
  const Argument* indices = node.find("indices");
  const auto* list =
      indices == nullptr ? nullptr : std::get_if<std::vector<std::optional<ValueId>>>(indices);
  if (list == nullptr) return false;
  return std::any_of(list->begin(), list->end(), [&](const std::optional<ValueId>& id) {
    return id && (tensor_of(*id).dtype == DType::kBool || tensor_of(*id).dtype == DType::kU8);
  });
}

interpreter::Arrays run(const GraphNode& node, const TensorOf& tensor_of) {
  const interpreter::Operator op = interpreter::find_operator(node.op);
  if (op == nullptr) interpreter::refuse("it is not known what lengths its result has");
  ArgumentArrays arrays(tensor_of, true);
  return op(Call(node, [&](ValueId id) -> const Array& { return arrays(id); }));
}

}  // namespace

std::vector<Result> results_of(const GraphNode& node, const TensorOf& tensor_of) {
  Shapes shapes;
  const std::string_view name = std::string_view(node.op).substr(5);  // behind "aten."
  const auto rule = rules().find(name);
  if (depends_on_numbers(node, tensor_of))
    interpreter::refuse("its lengths depend on what the network is given");
  if (rule != rules().end()) {
    ArgumentArrays arrays(tensor_of, false);
    shapes = rule->second(Call(node, [&](ValueId id) -> const Array& { return arrays(id); }));
  } else {
    for (Array& array : run(node, tensor_of)) shapes.push_back(std::move(array.shape));
  }
  std::vector<Result> results;
  for (Shape& shape : shapes) {
    require(shape.size() <= 64 && byte_size(DType::kC128, shape).has_value(),
            "the shape of its result overflows");
    const DType dtype = result_dtype(node, results.size(), tensor_of);
    results.push_back({std::move(shape), dtype});
  }
  return results;
}

std::vector<Array> contents_of(const GraphNode& node, const TensorOf& tensor_of) {
  std::vector<Array> arrays = run(node, tensor_of);
  for (std::size_t i = 0; i < arrays.size(); ++i)
    arrays[i] = interpreter::conforming(std::move(arrays[i]), result_dtype(node, i, tensor_of));
  return arrays;
}

}  // namespace mgit::torchscript
