// The evaluator behind eval.h: weights go into the plugin's network by name.
#include "eval/data_set.h"
#include "eval/graph_evaluator.h"
#include "eval/graph_network.h"
#include "eval/plugin.h"
#include "eval/weight_slots.h"
#include "merge/batch_norms.h"
#include "mgit/eval.h"

namespace mgit {
namespace {

/// Buffers that are no running statistics are the network's own constants.
WeightSlot weight_slot(const MgitTorchSlot& slot) {
  return {slot.name,
          dtype_from_name(slot.dtype),
          {slot.shape, slot.shape + slot.rank},
          slot.storage,
          slot.is_parameter == 0 && !is_running_statistic(slot.name)};
}

class TorchEvaluator : public Evaluator {
 public:
  explicit TorchEvaluator(const EvaluatorOptions& options)
      : options_(options), network_(TorchNetwork::open(options.graph)) {
    for (const MgitTorchSlot& slot : network_.slots()) slots_.push_back(weight_slot(slot));
    if (options.batch == 0) throw UsageError("a batch has at least one sample");
    const DataSet data = read_data_set(options.data);
    samples_ = data.input.view.shape.empty() ? 0 : data.input.view.shape.front();
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

  SampleScores scores(const TensorSource& weights, const std::vector<double>& scales) override {
    set_weights(weights);
    return network_.scores(options_.loss, options_.batch, samples_, scales);
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
    fill_slots(slots_, weights, options_.graph.string(),
               [&](std::size_t slot, const TensorView& tensor) {
                 network_.write_slot(slot, tensor.data);
               });
  }

  EvaluatorOptions options_;
  TorchNetwork network_;
  std::vector<WeightSlot> slots_;
  std::uint64_t samples_ = 0;
};

}  // namespace

std::unique_ptr<Evaluator> open_evaluator(const EvaluatorOptions& options) {
  if (is_graph_file(options.graph)) return open_graph_evaluator(options);
  return std::make_unique<TorchEvaluator>(options);
}

}  // namespace mgit
