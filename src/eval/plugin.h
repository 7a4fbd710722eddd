// The LibTorch plugin, opened on first use and kept for the life of the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "eval/torch_abi.h"
#include "mgit/eval.h"
#include "mgit/tensor.h"

namespace mgit {

/// Finds and opens libmgit_torch.so: MGIT_TORCH_PLUGIN, beside the binary, ../lib. Throws Error
/// with a hint if it is not there, cannot be loaded or is of another version. Respects
/// MGIT_THREADS.
const MgitTorchApi& torch_plugin();

/// A tensor as the plugin is given it. Borrows both.
MgitTorchTensor borrowed(const char* name, const TensorView& view);

/// Scores of `samples` samples for as many scales, to be filled; and where the plugin fills them,
/// borrowed.
SampleScores room_for_scores(const std::string& loss, std::uint64_t samples, std::size_t scales);
MgitTorchScoring scoring_into(SampleScores& scores, const std::vector<double>& scales);

/// A network inside the plugin. Owned by one thread.
class TorchNetwork {
 public:
  /// Opens TorchScript. Throws Error with LibTorch's own words.
  static TorchNetwork open(const std::filesystem::path& graph);
  /// Trains a small network; `input` and `target` as in a data file.
  static TorchNetwork train(const MgitTorchTraining& training, const TensorView& input,
                            const TensorView& target);

  void save(const std::filesystem::path& path) const;
  /// The network's parameters and buffers, with their values.
  MemoryModel weights() const;

  std::vector<MgitTorchSlot> slots() const;
  void write_slot(std::size_t index, Bytes data);
  void set_data(const TensorView& input, const TensorView& target);
  MgitTorchResult evaluate(const std::string& loss, std::uint64_t batch);
  /// Of `samples` samples, for each of the scales.
  SampleScores scores(const std::string& loss, std::uint64_t batch, std::uint64_t samples,
                      const std::vector<double>& scales);
  /// Keeps the outputs for largest_change(), which compares with those of other weights.
  void keep_outputs(std::uint64_t batch);
  double largest_change(std::uint64_t batch);
  /// What modules return, batch by batch; `take` is called with the place of a module in `names`.
  /// What it throws ends the run and is thrown.
  void activations(const std::vector<std::string>& names, const MgitTorchRange& range,
                   const std::function<void(std::size_t module, const TensorView& values)>& take);

 private:
  TorchNetwork(MgitTorchNetwork* network, std::string where);

  std::unique_ptr<MgitTorchNetwork, void (*)(MgitTorchNetwork*)> network_;
  std::string where_;
};

}  // namespace mgit
