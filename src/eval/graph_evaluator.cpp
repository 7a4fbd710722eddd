#include "eval/graph_evaluator.h"

#include <algorithm>
#include <cmath>

#include "eval/graph_network.h"
#include "eval/plugin.h"
#include "mgit/format.h"

namespace mgit {
namespace {

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double apart = std::abs(a[i] - b.at(i));
    if (std::isnan(apart) || apart > largest) largest = apart;
    if (std::isnan(largest)) break;
  }
  return largest;
}

class GraphEvaluator : public Evaluator {
 public:
  explicit GraphEvaluator(const EvaluatorOptions& options) : options_(options), network_(options) {}

  Evaluation evaluate(const TensorSource& weights) override {
    network_.set_weights(weights);
    MgitTorchSums sums{};
    for_each_output([&](const TorchTensor& output, const GraphBatch& batch) {
      add_torch_loss(options_.loss, output, target_of(batch), sums);
    });
    const auto samples = static_cast<double>(sums.samples);
    Evaluation result{sums.loss / samples, std::nullopt, sums.samples};
    if (options_.loss == "cross_entropy")
      result.accuracy = static_cast<double>(sums.correct) / samples;
    return result;
  }

  SampleScores scores(const TensorSource& weights, const std::vector<double>& scales) override {
    network_.set_weights(weights);
    SampleScores result = room_for_scores(options_.loss, network_.samples(), scales.size());
    const MgitTorchScoring scoring = scoring_into(result, scales);
    std::uint64_t begin = 0;
    for_each_output([&](const TorchTensor& output, const GraphBatch& batch) {
      score_torch_batch(options_.loss, output, target_of(batch), begin, scoring);
      begin += batch.samples;
    });
    return result;
  }

  double largest_output_change(const TensorSource& before, const TensorSource& after) override {
    std::vector<TorchTensor> kept;
    network_.set_weights(before);
    for_each_output([&](const TorchTensor& output, const auto&) { kept.push_back(output); });
    network_.set_weights(after);
    double largest = 0;
    std::size_t batch = 0;
    for_each_output([&](const TorchTensor& output, const auto&) {
      const double change = largest_difference(output.doubles(), kept[batch++].doubles());
      if (std::isnan(change) || change > largest) largest = change;
    });
    return largest;
  }

  void activations(
      const TensorSource& weights, const ActivationRequest& request,
      const std::function<void(std::size_t module, const TensorView& values)>& take) override {
    network_.set_weights(weights);
    std::vector<ValueId> wanted;
    for (const std::string& module : request.modules) wanted.push_back(value_of(module));
    network_.for_each_batch(request.begin, request.end, [&](const GraphBatch& batch) {
      const std::vector<TorchTensor> values = network_.runner().run(batch.inputs, wanted);
      for (std::size_t i = 0; i < values.size(); ++i)
        take(i, batch.cut(values[i]).to(DType::kF32).view());
    });
  }

 private:
  const TorchTensor& target_of(const GraphBatch& batch) const {
    if (batch.target) return batch.target;
    throw MissingError("has no tensor \"target\"", options_.data.string(),
                       "a data file is a safetensors file with \"input\" and \"target\"");
  }

  template <typename Visit>
  void for_each_output(const Visit& visit) {
    const std::vector<ValueId> wanted = {network_.output()};
    network_.for_each_batch(0, network_.samples(), [&](const GraphBatch& batch) {
      visit(batch.cut(network_.runner().run(batch.inputs, wanted).front()), batch);
    });
  }

  ValueId value_of(const std::string& module) {
    const GraphRunner& runner = network_.runner();
    if (const auto found = runner.returned_by(runner.prefix() + module); found && !module.empty())
      return *found;
    constexpr std::size_t kNamed = 8;
    std::vector<std::string> names;
    for (const GraphNode& node : runner.graph().nodes)
      if (node.module.size() > runner.prefix().size() &&
          std::find(names.begin(), names.end(), node.module.substr(runner.prefix().size())) ==
              names.end())
        names.push_back(node.module.substr(runner.prefix().size()));
    std::string there;
    for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i)
      there += (i > 0 ? ", " : "") + names[i];
    if (names.size() > kNamed) there += ", ...";
    throw Error(fmt::format("no module '{}' whose result is in the graph{}", module,
                            there.empty() ? "" : " (there is: " + there + ")"),
                options_.graph.string());
  }

  EvaluatorOptions options_;
  GraphNetwork network_;
};

}  // namespace

std::unique_ptr<Evaluator> open_graph_evaluator(const EvaluatorOptions& options) {
  if (!std::filesystem::is_regular_file(options.graph))
    throw MissingError("there is no such network", options.graph.string());
  return std::make_unique<GraphEvaluator>(options);
}

}  // namespace mgit
