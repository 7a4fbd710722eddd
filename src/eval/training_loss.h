// The loss of a network on samples of its data, and how it changes with the weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "eval/graph_network.h"

namespace mgit {

/// How many numbers the target of one sample has: tokens of a text. Throws Error for a file that is
/// no data, or has no targets.
std::uint64_t targets_of_a_sample(const std::filesystem::path& data);

/// Runs one network on one data file, which has targets. Not thread-safe.
class TrainingLoss {
 public:
  /// Throws Error as GraphNetwork, and for data without targets.
  explicit TrainingLoss(const EvaluatorOptions& options);

  std::uint64_t samples() const { return network_.samples(); }
  /// Samples of one batch of a network with such weights: as the options say, or as many as the
  /// graph takes.
  std::uint64_t batch_size(const TensorSource& weights);

  /// Mean over the targets of these samples.
  double loss(const TensorSource& weights, const std::vector<std::uint64_t>& samples);
  /// The same, of one batch, and its gradient by tensors of the weights: of real numbers that the
  /// loss depends on, without running statistics, which are taken as they are.
  double gradient(const TensorSource& weights, const std::vector<std::uint64_t>& samples,
                  std::map<std::string, std::vector<float>, std::less<>>& gradient);

 private:
  TorchTensor output_of(const GraphBatch& batch);

  std::string loss_;
  GraphNetwork network_;
};

}  // namespace mgit
