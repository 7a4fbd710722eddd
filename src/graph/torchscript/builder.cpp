#include "graph/torchscript/builder.h"

#include <cstring>
#include <unordered_set>

#include <fmt/format.h>

#include "graph/interpreter/call.h"
#include "graph/torchscript/builtins.h"
#include "graph/torchscript/signatures.h"
#include "graph/torchscript/types.h"
#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

using interpreter::Array;

constexpr std::size_t kMostNodes = 200'000;
constexpr std::size_t kMostKnown = 8;  // numbers of a tensor whose contents are followed
constexpr std::size_t kMostOutputs = 10'000;
constexpr int kDeepest = 50;                 // lists in lists that are outputs
constexpr ValueId kFirstLoose = 0x80000000;  // numbers of tensors that are in no graph

/// Have other contents each time, or none that can be relied on.
const std::unordered_set<std::string_view> kUnsteady = {
    "empty",           "new_empty",     "empty_like",           "dropout",
    "feature_dropout", "alpha_dropout", "feature_alpha_dropout"};

/// Those that give a tensor another shape in place.
const std::unordered_set<std::string> kReshaping = {"squeeze", "unsqueeze", "transpose",
                                                    "t",       "swapaxes",  "swapdims"};

/// Arguments that are tensors, or lists of them. One of any other name is a number, and has to be
/// known where it comes as a tensor: lengths may hang on it.
bool takes_tensors(const std::string& op, const std::string& name) {
  static const std::unordered_set<std::string_view> kTensors = {
      "self",        "other",   "input",     "weight",    "bias",    "running_mean",
      "running_var", "mat",     "mat1",      "mat2",      "batch1",  "batch2",
      "vec",         "vec2",    "tensor",    "tensor1",   "tensor2", "tensors",
      "query",       "key",     "value",     "indices",   "index",   "src",
      "source",      "mask",    "attn_mask", "condition", "values",  "hx",
      "params",      "w_ih",    "w_hh",      "b_ih",      "b_hh",    "x1",
      "x2",          "input1",  "input2",    "v",         "g",       "exponent",
      "min",         "max",     "abs",       "angle",     "real",    "imag",
      "boundaries",  "prepend", "append",    "repeats"};
  return kTensors.contains(name) || (name == "end" && op == "lerp");
}

/// The tensors of an argument.
template <typename F>
void each_tensor(const Value& value, F f) {
  if (const auto* tensor = std::get_if<Tensor*>(&value)) f(**tensor);
  if (const auto* list = std::get_if<List*>(&value))
    for (const Value& each : (*list)->items)
      if (const auto* tensor = std::get_if<Tensor*>(&each)) f(**tensor);
}

template <typename F>
void each_tensor(const Arguments& arguments, F f) {
  for (const Value& value : arguments.positional) each_tensor(value, f);
  for (const auto& [name, value] : arguments.named) each_tensor(value, f);
}

using IdOf = std::function<ValueId(Tensor&)>;

[[noreturn]] void refuse_argument(const std::string& name, const Value& value) {
  interpreter::refuse(fmt::format("argument {} is {}", name, kind_of(value)));
}

/// A list of numbers, of tensors, or of both.
Argument list_argument(const std::string& name, const List& list, bool of_tensors,
                       const IdOf& id_of) {
  const auto all = [&](auto is) { return std::all_of(list.items.begin(), list.items.end(), is); };
  if (list.dict) interpreter::refuse(fmt::format("argument {} is a dict", name));
  if (list.items.empty()) return std::vector<std::int64_t>{};
  const auto collected = [&]<typename T>(T) {
    std::vector<T> result;
    for (const Value& each : list.items) result.push_back(std::get<T>(each));
    return Argument(std::move(result));
  };
  if (all([](const Value& v) { return std::holds_alternative<std::int64_t>(v); }))
    return collected(std::int64_t{});
  if (all([](const Value& v) { return std::holds_alternative<bool>(v); })) return collected(bool{});
  if (all([](const Value& v) {
        return std::holds_alternative<double>(v) || std::holds_alternative<std::int64_t>(v);
      })) {
    std::vector<double> result;
    for (const Value& each : list.items) result.push_back(*number_of(each));
    return result;
  }
  if (!of_tensors) {
    std::vector<std::int64_t> numbers;
    for (const Value& each : list.items) numbers.push_back(whole_number(each));
    return numbers;
  }
  std::vector<std::optional<ValueId>> tensors;
  for (const Value& each : list.items) {
    const auto* tensor = std::get_if<Tensor*>(&each);
    if (tensor == nullptr && !std::holds_alternative<std::monostate>(each))
      refuse_argument(name, each);
    tensors.push_back(tensor == nullptr ? std::nullopt : std::optional(id_of(**tensor)));
  }
  return tensors;
}

Argument argument_of(const std::string& op, const std::string& name, const Value& value,
                     const IdOf& id_of) {
  if (std::holds_alternative<std::monostate>(value)) return std::monostate{};
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (name == "dtype") return std::string(dtype_name(scalar_type(*number)));
    if (name == "memory_format") return memory_format(*number);
    if (name == "layout") return std::string(*number == 0 ? "strided" : "sparse");
    return *number;
  }
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const bool tensors = takes_tensors(op, name);
  if (const auto* tensor = std::get_if<Tensor*>(&value)) {
    if (tensors) return id_of(**tensor);
    if (is_arithmetic((*tensor)->dtype)) return real_number(value);
    return whole_number(value);
  }
  if (const auto* list = std::get_if<List*>(&value))
    return list_argument(name, **list, tensors, id_of);
  refuse_argument(name, value);
}

GraphNode node_of(const std::string& op, const Signature& signature, const Arguments& arguments,
                  const IdOf& id_of) {
  GraphNode node;
  node.op = "aten." + op;
  node.overload = *signature.overload == '\0' ? "default" : signature.overload;
  const std::string pure = pure_name(op);
  const std::vector<std::string> names = argument_names(signature);
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    node.arguments.emplace_back(names[i],
                                argument_of(pure, names[i], arguments.positional[i], id_of));
  for (const auto& [name, value] : arguments.named) {
    if (name == "out") interpreter::refuse("it writes into a tensor of another");
    if (node.find(name) != nullptr) interpreter::refuse("argument " + name + " is given twice");
    node.arguments.emplace_back(name, argument_of(pure, name, value, id_of));
  }
  if (node.op == "aten._convolution") {  // four flags of the library behind it follow
    node.op = "aten.convolution";
    node.arguments.resize(std::min<std::size_t>(node.arguments.size(), 9));
  }
  if (node.op == "aten._convolution_mode") {  // "same" or "valid"
    const auto* weight =
        arguments.positional.size() < 2 ? nullptr : std::get_if<Tensor*>(&arguments.positional[1]);
    const std::size_t rank = weight == nullptr ? 0 : (*weight)->shape.size();
    node.op = fmt::format("aten.conv{}d", std::clamp<std::size_t>(rank, 3, 5) - 2);
  }
  return node;
}

Buffer bytes_of(const Array& array) {
  Buffer bytes(array.values.size() * 8);
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    const auto whole = static_cast<std::int64_t>(array.values[i]);
    if (array.dtype == DType::kI64)
      std::memcpy(bytes.data() + i * 8, &whole, 8);
    else
      std::memcpy(bytes.data() + i * 8, &array.values[i], 8);
  }
  if (array.dtype != DType::kBool) return bytes;
  bytes.resize(array.values.size());
  for (std::size_t i = 0; i < array.values.size(); ++i)
    bytes[i] = std::byte{static_cast<unsigned char>(array.values[i] != 0)};
  return bytes;
}

}  // namespace

ValueId Builder::add(const std::string& name, DType dtype, const Shape& shape) {
  GraphValue value{name, dtype, {shape.begin(), shape.end()}};
  const std::size_t number = ++names_[name];
  if (number > 1) value.name += "#" + std::to_string(number);
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size() - 1);
}

Tensor* Builder::made(ValueId id, DType dtype, Shape shape) {
  Tensor* tensor = arena_.tensor({std::move(shape), dtype, id, {}});
  tensors_.resize(graph_.values.size());
  tensors_[id] = tensor;
  return tensor;
}

Tensor* Builder::input(const std::string& name, DType dtype, Shape shape) {
  const ValueId id = add(name, dtype, shape);
  graph_.inputs.push_back(id);
  return made(id, dtype, std::move(shape));
}

Tensor* Builder::parameter(const std::vector<std::string>& names, const TensorInfo& info) {
  const ValueId id = add(names.front(), info.dtype, info.shape);
  for (const std::string& name : names) graph_.parameters.push_back({id, name});
  return made(id, info.dtype, info.shape);
}

Tensor* Builder::constant(GraphConstant constant) {
  const TensorInfo info = constant.info;
  const ValueId id = add(info.name, info.dtype, info.shape);
  Tensor* tensor = made(id, info.dtype, info.shape);
  if (info.rank() <= 1 && element_count(info.shape).value_or(kMostKnown + 1) <= kMostKnown &&
      (is_arithmetic(info.dtype) || info.dtype == DType::kI64 || info.dtype == DType::kI32 ||
       info.dtype == DType::kBool))
    tensor->known = graph_tensor({info.dtype, info.shape, *constant.data});
  graph_.constants[id] = std::move(constant);
  return tensor;
}

Tensor* Builder::known(Array array) {
  Shape shape = array.shape;
  const DType dtype = array.dtype;
  return arena_.tensor({std::move(shape), dtype, {}, std::move(array)});
}

ValueId Builder::id_of(Tensor& tensor) {
  if (tensor.id) return *tensor.id;
  Array& array = *tensor.known;
  if (array.dtype != DType::kBool)
    array.dtype = is_arithmetic(array.dtype) ? DType::kF64 : DType::kI64;
  tensor.dtype = array.dtype;
  const ValueId id = add("number", array.dtype, array.shape);
  tensor.id = id;
  tensors_.resize(graph_.values.size());
  tensors_[id] = &tensor;
  graph_.constants[id] = {{graph_.values[id].name, array.dtype, array.shape},
                          std::make_shared<const Buffer>(bytes_of(array))};
  return id;
}

/// The results as numbers, where they are few and come of lengths and constants alone.
std::optional<Value> Builder::computed(const std::string& op, const Signature& signature,
                                       const Arguments& arguments) {
  bool all_known = true;
  each_tensor(arguments, [&](Tensor& each) { all_known = all_known && each.known; });
  if (!all_known || kUnsteady.contains(op) || interpreter::find_operator("aten." + op) == nullptr)
    return std::nullopt;
  std::vector<Tensor*> loose;
  const GraphNode node = node_of(op, signature, arguments, [&](Tensor& tensor) {
    loose.push_back(&tensor);
    return static_cast<ValueId>(kFirstLoose + loose.size() - 1);
  });
  const TensorOf tensor_of = [&](ValueId id) -> const Tensor& { return *loose[id - kFirstLoose]; };
  const std::vector<Result> results = results_of(node, tensor_of, work_);
  const bool few = std::all_of(results.begin(), results.end(), [](const Result& each) {
    return each.shape.size() <= 1 &&
           element_count(each.shape).value_or(kMostKnown + 1) <= kMostKnown;
  });
  if (!few) return std::nullopt;
  std::vector<Value> values;
  for (Array& array : contents_of(node, tensor_of, work_))
    values.emplace_back(known(std::move(array)));
  if (signature.results == 1 && !values.empty()) return values.front();
  return arena_.list(std::move(values));
}

Value Builder::apply(const std::string& op, const Arguments& arguments) {
  try {
    const std::string pure = pure_name(op);
    if (!is_operator(pure)) interpreter::refuse("it is not known to mgit");
    const Signature* signature = find_signature(pure, arguments.positional);
    if (signature == nullptr) interpreter::refuse("its arguments are not understood");
    const bool in_place = pure != op;
    if (in_place && arguments.positional.empty())
      interpreter::refuse("it is not known what it writes");
    if (in_place)
      each_tensor(arguments.positional.front(), [](Tensor& each) {
        if (each.known)
          interpreter::refuse("it writes into numbers that lengths may be computed from");
      });
    if (!in_place)
      if (auto result = computed(pure, *signature, arguments)) return *std::move(result);
    return emit(node_of(op, *signature, arguments, [this](Tensor& t) { return id_of(t); }),
                in_place, signature->results);
  } catch (const CorruptError&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("operator aten.{}{}: {}", op,
                            module_.empty() ? "" : " in " + quote_name(module_), error.what()),
                {},
                error.hint().empty()
                    ? "torch.export may get through where this does not: docs/specs.md"
                    : error.hint());
  }
}

/// Whether a slice is all that it is of.
bool Builder::is_whole(const GraphNode& slice, const Result& result) const {
  const Argument* step = slice.find("step");
  const auto* self = std::get_if<ValueId>(&slice.arguments.front().second);
  return self != nullptr && tensors_[*self]->shape == result.shape &&
         (step == nullptr || *step == Argument(std::int64_t{1}));
}

/// What an in-place operator writes has the shape that is there; or the tensor gets another one.
void Builder::check_written(const GraphNode& node, bool reshaping, std::vector<Result>& results) {
  const Argument* first = node.arguments.empty() ? nullptr : &node.arguments.front().second;
  const auto* self = first == nullptr ? nullptr : std::get_if<ValueId>(first);
  if (self == nullptr || results.size() != 1) interpreter::refuse("it is not known what it writes");
  Tensor& tensor = *tensors_[*self];
  if (reshaping) tensor.shape = results.front().shape;
  if (tensor.shape != results.front().shape)
    interpreter::refuse("it would write another shape in place");
  results.front().dtype = tensor.dtype;
}

Value Builder::emit(GraphNode node, bool in_place, int results) {
  if (graph_.nodes.size() >= kMostNodes) interpreter::refuse("the program never ends");
  GraphNode pure = node;
  pure.op = "aten." + pure_name(node.op.substr(5));
  const TensorOf tensor_of = [this](ValueId id) -> const Tensor& { return *tensors_[id]; };
  std::vector<Result> made_results = results_of(pure, tensor_of, work_);
  if (in_place) check_written(node, kReshaping.contains(pure.op.substr(5)), made_results);
  if (results > 0 && made_results.size() < static_cast<std::size_t>(results))
    interpreter::refuse("it is not known what all its results are");
  if (results > 0) made_results.resize(static_cast<std::size_t>(results));
  if (node.op == "aten.slice" && is_whole(node, made_results.front()))
    return tensors_[std::get<ValueId>(node.arguments.front().second)];
  node.module = module_;
  std::vector<Value> values;
  for (Result& result : made_results) {
    const ValueId id = add(pure.op.substr(5), result.dtype, result.shape);
    node.outputs.push_back(id);
    values.emplace_back(made(id, result.dtype, std::move(result.shape)));
  }
  graph_.nodes.push_back(std::move(node));
  if (results == 1) return values.front();
  return arena_.list(std::move(values));
}

void Builder::output(const Value& value, int depth) {
  if (depth > kDeepest || graph_.outputs.size() > kMostOutputs)
    throw Error("its outputs are too many");
  if (const auto* tensor = std::get_if<Tensor*>(&value)) graph_.outputs.push_back(id_of(**tensor));
  if (const auto* list = std::get_if<List*>(&value))
    for (const Value& each : (*list)->items) output(each, depth + 1);
  if (const auto* object = std::get_if<Object*>(&value))
    for (const auto& [name, each] : (*object)->set)
      if (!name.empty()) output(each, depth + 1);
}

}  // namespace mgit::torchscript
