#include "eval/weight_slots.h"

#include <algorithm>
#include <set>

namespace mgit {
namespace {

/// The tensor's bytes in the slot's dtype.
Buffer converted(const TensorView& tensor, DType to, std::string_view name) {
  if (!is_arithmetic(tensor.dtype) || !is_arithmetic(to))
    throw Error("is " + std::string(dtype_name(tensor.dtype)) + ", the network has " +
                    std::string(dtype_name(to)),
                std::string(name));
  const std::uint64_t count = element_count(tensor.shape).value_or(0);
  std::vector<double> values(count);
  to_double(tensor, values);
  Buffer result(byte_size(to, tensor.shape).value_or(0));
  from_double(values, to, result);
  return result;
}

void check_shape(const WeightSlot& slot, const TensorInfo& info) {
  if (slot.takes(info.shape)) return;
  std::string text;
  for (const auto& length : slot.shape)
    text += (text.empty() ? "" : ",") + (length ? std::to_string(*length) : "?");
  throw Error("has shape " + shape_text(info.shape) + ", the network's is " +
                  (text.empty() ? "scalar" : text),
              info.name);
}

}  // namespace

bool WeightSlot::takes(const Shape& tensor) const {
  return std::equal(
      shape.begin(), shape.end(), tensor.begin(), tensor.end(),
      [](const auto& wanted, std::uint64_t length) { return !wanted || *wanted == length; });
}

std::string wrapper_prefix(const std::vector<WeightSlot>& slots, const TensorSource& weights) {
  std::string prefix;
  while (!slots.empty()) {
    const std::string_view first = std::string_view(slots.front().name).substr(prefix.size());
    const std::size_t dot = first.find('.');
    if (dot == std::string_view::npos) return "";
    for (const WeightSlot& slot : slots)
      if (weights.find(std::string_view(slot.name).substr(prefix.size())) != nullptr) return prefix;
    prefix += first.substr(0, dot + 1);
    for (const WeightSlot& slot : slots)
      if (!slot.name.starts_with(prefix)) return "";
  }
  return "";
}

void fill_slots(const std::vector<WeightSlot>& slots, const TensorSource& weights,
                const std::string& network,
                const std::function<void(std::size_t slot, const TensorView& tensor)>& fill,
                const std::function<bool(const TensorInfo&)>& unused) {
  const std::string prefix = wrapper_prefix(slots, weights);
  const std::string hint = "is " + network + " the network of this checkpoint?";
  std::set<std::string_view> used;
  std::set<const void*> filled;
  std::vector<const WeightSlot*> absent;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const WeightSlot& slot = slots[i];
    const TensorInfo* info = weights.find(std::string_view(slot.name).substr(prefix.size()));
    if (info == nullptr) {
      absent.push_back(&slot);
      continue;
    }
    check_shape(slot, *info);
    if (!slot.dtype) throw Error("unsupported dtype in the network", info->name);
    const TensorData tensor = weights.read(info->name);
    if (tensor.view.dtype == *slot.dtype)
      fill(i, tensor.view);
    else
      fill(i, {*slot.dtype, info->shape, converted(tensor.view, *slot.dtype, info->name)});
    used.insert(info->name);
    filled.insert(slot.storage);
  }
  for (const WeightSlot* slot : absent)
    if (!slot->optional && !filled.contains(slot->storage))
      throw MissingError("the checkpoint lacks this tensor of the network", slot->name, hint);
  for (const TensorInfo& info : weights.tensors())
    if (!used.contains(info.name) && !(unused && unused(info)))
      throw Error("the network has no such parameter or buffer", info.name, hint);
}

}  // namespace mgit
