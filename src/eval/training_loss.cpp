#include "eval/training_loss.h"

#include <algorithm>

#include "eval/data_set.h"

namespace mgit {

std::uint64_t targets_of_a_sample(const std::filesystem::path& data) {
  const DataSet set = read_data_set(data);
  std::uint64_t count = 1;
  for (std::size_t i = 1; i < set.target.view.shape.size(); ++i) count *= set.target.view.shape[i];
  return std::max<std::uint64_t>(count, 1);
}

TrainingLoss::TrainingLoss(const EvaluatorOptions& options)
    : loss_(options.loss), network_(options) {
  read_data_set(options.data);  // with targets
}

std::uint64_t TrainingLoss::batch_size(const TensorSource& weights) {
  network_.set_weights(weights);
  return network_.batch_size();
}

TorchTensor TrainingLoss::output_of(const GraphBatch& batch) {
  return batch.cut(network_.runner().run(batch.inputs, {network_.output()}).front());
}

double TrainingLoss::loss(const TensorSource& weights, const std::vector<std::uint64_t>& samples) {
  const std::uint64_t size = batch_size(weights);
  MgitTorchSums sums{};
  for (std::size_t begin = 0; begin < samples.size();) {
    const std::size_t end = std::min<std::size_t>(begin + size, samples.size());
    const GraphBatch batch = network_.pick({samples.begin() + static_cast<std::ptrdiff_t>(begin),
                                            samples.begin() + static_cast<std::ptrdiff_t>(end)});
    add_torch_loss(loss_, output_of(batch), batch.target, sums);
    begin += batch.samples;
  }
  return sums.loss / static_cast<double>(sums.samples);
}

double TrainingLoss::gradient(const TensorSource& weights,
                              const std::vector<std::uint64_t>& samples,
                              std::map<std::string, std::vector<float>, std::less<>>& gradient) {
  network_.set_weights(weights);
  std::vector<std::string> names;
  std::vector<TorchTensor> watched;
  for (const auto& [name, tensor] : network_.runner().watch_weights()) {
    names.push_back(name);
    watched.push_back(tensor);
  }
  const GraphBatch batch = network_.pick(samples);
  const TorchGradients found = torch_gradients(loss_, output_of(batch), batch.target, watched);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!found.by[i]) continue;
    const TensorView view = found.by[i].view();
    std::vector<float>& values = gradient[names[i]];
    values.resize(view.data.size() / sizeof(float));
    to_float(view, values);
  }
  return found.loss;
}

}  // namespace mgit
