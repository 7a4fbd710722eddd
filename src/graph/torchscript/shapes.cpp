#include "graph/torchscript/shapes.h"

#include <unordered_set>

#include <fmt/format.h>

#include "graph/torchscript/shape_rules.h"
#include "graph/torchscript/types.h"

namespace mgit::torchscript {

namespace {

using interpreter::Array;
using interpreter::Call;
using interpreter::require;

constexpr std::size_t kMostNumbers = std::size_t{1} << 25;  // in the arguments of what is run
constexpr std::size_t kMostWork = std::size_t{1} << 27;     // of all that is run

/// Those whose results have lengths that depend on numbers, not on shapes.
const std::unordered_set<std::string_view> kOnNumbers = {"aten.nonzero", "aten.masked_select"};

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

  std::size_t numbers() const { return numbers_; }

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

interpreter::Arrays run(const GraphNode& node, const TensorOf& tensor_of, std::size_t& work) {
  const interpreter::Operator op = interpreter::find_operator(node.op);
  if (op == nullptr) interpreter::refuse("it is not known what lengths its result has");
  ArgumentArrays arrays(tensor_of, true);
  interpreter::Arrays results =
      op(Call(node, [&](ValueId id) -> const Array& { return arrays(id); }));
  work += arrays.numbers();
  for (const Array& each : results) work += each.values.size();
  require(work <= kMostWork, "the program computes with too many numbers to tell its lengths");
  return results;
}

}  // namespace

std::vector<Result> results_of(const GraphNode& node, const TensorOf& tensor_of,
                               std::size_t& work) {
  Shapes shapes;
  const std::string_view name = std::string_view(node.op).substr(5);  // behind "aten."
  const ShapeRule rule = find_shape_rule(name);
  if (depends_on_numbers(node, tensor_of))
    interpreter::refuse("its lengths depend on what the network is given");
  if (rule != nullptr) {
    ArgumentArrays arrays(tensor_of, false);
    shapes = rule(Call(node, [&](ValueId id) -> const Array& { return arrays(id); }));
  }
  if (shapes.empty()) {
    for (Array& array : run(node, tensor_of, work)) shapes.push_back(std::move(array.shape));
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

std::vector<Array> contents_of(const GraphNode& node, const TensorOf& tensor_of,
                               std::size_t& work) {
  std::vector<Array> arrays = run(node, tensor_of, work);
  for (std::size_t i = 0; i < arrays.size(); ++i)
    arrays[i] = interpreter::conforming(std::move(arrays[i]), result_dtype(node, i, tensor_of));
  return arrays;
}

}  // namespace mgit::torchscript
