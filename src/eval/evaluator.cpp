// The evaluator behind eval.h: weights go into the plugin's network by name.
#include <map>
#include <set>
#include <span>

#include "eval/data_set.h"
#include "eval/plugin.h"
#include "mgit/eval.h"

namespace mgit {
namespace {

bool is_running_statistic(std::string_view name) {
  return name.ends_with("running_mean") || name.ends_with("running_var");
}

/// Where a network is wrapped in another module (torch.jit.trace of a helper class), its names have
/// one prefix more than the checkpoint's: "m.fc1.weight" for "fc1.weight".
std::string wrapper_prefix(std::span<const MgitTorchSlot> slots, const TensorSource& weights) {
  std::string prefix;
  while (!slots.empty()) {
    const std::string_view first = std::string_view(slots.front().name).substr(prefix.size());
    const std::size_t dot = first.find('.');
    if (dot == std::string_view::npos) return "";
    for (const MgitTorchSlot& slot : slots)
      if (weights.find(std::string_view(slot.name).substr(prefix.size())) != nullptr) return prefix;
    prefix += first.substr(0, dot + 1);
    for (const MgitTorchSlot& slot : slots)
      if (!std::string_view(slot.name).starts_with(prefix)) return "";
  }
  return "";
}

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

class TorchEvaluator : public Evaluator {
 public:
  explicit TorchEvaluator(const EvaluatorOptions& options)
      : options_(options), network_(TorchNetwork::open(options.graph)), slots_(network_.slots()) {
    if (options.batch == 0) throw UsageError("a batch has at least one sample");
    const DataSet data = read_data_set(options.data);
    try {
      network_.set_data(data.input.view, data.target.view);
    } catch (const Error& error) {
      throw Error(error.what(), options.data.string());
    }
  }

  Evaluation evaluate(const TensorSource& weights) override {
    set_weights(weights);
    const MgitTorchResult result = network_.evaluate(options_.loss, options_.batch);
    Evaluation evaluation{result.loss, std::nullopt, result.samples};
    if (result.accuracy >= 0) evaluation.accuracy = result.accuracy;
    return evaluation;
  }

  double largest_output_change(const TensorSource& before, const TensorSource& after) override {
    set_weights(before);
    network_.keep_outputs(options_.batch);
    set_weights(after);
    return network_.largest_change(options_.batch);
  }

  void activations(
      const TensorSource& weights, const ActivationRequest& request,
      const std::function<void(std::size_t module, const TensorView& values)>& take) override {
    set_weights(weights);
    const std::string prefix = wrapper_prefix(slots_, weights);
    std::vector<std::string> names;
    for (const std::string& module : request.modules) names.push_back(prefix + module);
    network_.activations(names, {request.begin, request.end, options_.batch}, take);
  }

 private:
  void set_weights(const TensorSource& weights) {
    const std::string prefix = wrapper_prefix(slots_, weights);
    std::set<std::string_view> used;
    std::set<const void*> filled;
    std::vector<std::size_t> absent;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const std::string_view name = std::string_view(slots_[i].name).substr(prefix.size());
      if (const TensorInfo* info = weights.find(name)) {
        set_slot(i, *info, weights);
        used.insert(info->name);
        filled.insert(slots_[i].storage);
      } else {
        absent.push_back(i);
      }
    }
    for (const std::size_t i : absent) check_absent(i, filled);
    for (const TensorInfo& info : weights.tensors())
      if (!used.contains(info.name))
        throw Error("the network has no such parameter or buffer", info.name,
                    "is " + options_.graph.string() + " the network of this checkpoint?");
  }

  void set_slot(std::size_t index, const TensorInfo& info, const TensorSource& weights) {
    const MgitTorchSlot& slot = slots_[index];
    const Shape shape(slot.shape, slot.shape + slot.rank);
    if (info.shape != shape)
      throw Error("has shape " + shape_text(info.shape) + ", the network's is " + shape_text(shape),
                  info.name);
    const std::optional<DType> dtype = dtype_from_name(slot.dtype);
    if (!dtype) throw Error("unsupported dtype in the network", info.name);
    const TensorData tensor = weights.read(info.name);
    if (tensor.view.dtype == *dtype)
      network_.write_slot(index, tensor.view.data);
    else
      network_.write_slot(index, converted(tensor.view, *dtype, info.name));
  }

  /// A tied tensor may be named once only; buffers that are no running statistics are the graph's
  /// own constants.
  void check_absent(std::size_t index, const std::set<const void*>& filled) const {
    const MgitTorchSlot& slot = slots_[index];
    if (filled.contains(slot.storage)) return;
    if (slot.is_parameter == 0 && !is_running_statistic(slot.name)) return;
    throw MissingError("the checkpoint lacks this tensor of the network", slot.name,
                       "is " + options_.graph.string() + " the network of this checkpoint?");
  }

  EvaluatorOptions options_;
  TorchNetwork network_;
  std::vector<MgitTorchSlot> slots_;
};

}  // namespace

std::unique_ptr<Evaluator> open_evaluator(const EvaluatorOptions& options) {
  return std::make_unique<TorchEvaluator>(options);
}

}  // namespace mgit
