#include "repair/repaired_tensors.h"

#include "mgit/format.h"

namespace mgit {

RepairedTensors::RepairedTensors(const TensorSource& merged, const Graph& graph,
                                 const std::string& prefix)
    : merged_(merged), graph_(graph) {
  for (const GraphParameter& parameter : graph.parameters)
    if (parameter.tensor.starts_with(prefix))
      names_.emplace(parameter.value, parameter.tensor.substr(prefix.size()));
}

TorchTensor RepairedTensors::set(ValueId parameter, std::span<const double> values) {
  const auto name = names_.find(parameter);
  const TensorInfo* const info = name == names_.end() ? nullptr : merged_.find(name->second);
  if (info == nullptr || !is_arithmetic(info->dtype) || element_count(info->shape) != values.size())
    throw Error("parameter " + quote_name(graph_.values.at(parameter).name) +
                    " is no tensor of the model that could be repaired",
                graph_.source);
  Buffer bytes(*byte_size(info->dtype, info->shape));
  from_double(values, info->dtype, bytes);
  const TorchTensor own(TensorView{info->dtype, info->shape, bytes});
  changed_.set(*info, std::move(bytes));
  return own.to(graph_.values[parameter].dtype);
}

}  // namespace mgit
