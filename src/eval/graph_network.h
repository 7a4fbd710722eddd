// A network read as a graph, and the data that it runs on: what evaluating, activations and repairs
// with data have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/mapped_file.h"
#include "eval/graph_runner.h"
#include "mgit/eval.h"

namespace mgit {

/// Samples as the graph takes them. One that has a fixed number of samples gets as many: what the
/// data lacks, the last sample again.
struct GraphBatch {
  GraphRunner::Inputs inputs;
  TorchTensor target;         // none, where the data has none
  std::uint64_t samples = 0;  // of the data; the first ones
  std::uint64_t given = 0;    // to the graph

  /// What the graph gave for those samples, without what it gave for the others: `values` cut along
  /// axis 0, which must have `given` entries unless nothing has to be cut, or as many of each
  /// sample, one sample after the other (the places of a text). Throws Error.
  TorchTensor cut(const TorchTensor& values) const;
};

/// Whether this file is read as a graph when it is evaluated: .pt2, .onnx.
bool is_graph_file(const std::filesystem::path& path);

class GraphNetwork {
 public:
  /// Of .pt2, ONNX and TorchScript files, with one input, which is the data's "input". Its "target"
  /// may be missing. Throws Error.
  explicit GraphNetwork(const EvaluatorOptions& options);

  /// The first weights also say what the weights of the graph are: by their names, or, where an
  /// ONNX file has others, by the contents of the checkpoint that it was exported from. Throws
  /// Error as GraphRunner::set_weights; and where a graph has one tensor for several of the
  /// checkpoint, which differ.
  void set_weights(const TensorSource& weights);

  /// After set_weights(): that there is none yet is an Error.
  GraphRunner& runner();
  /// How many samples at a time: as the options say, or as the graph wants. After set_weights().
  std::uint64_t batch_size();
  /// What is evaluated: the graph's first output.
  ValueId output();

  std::uint64_t samples() const;  // of the data
  /// These samples as one batch: the first of them, as many as the options say or the graph wants.
  /// Throws as for_each_batch.
  GraphBatch pick(std::vector<std::uint64_t> samples);
  /// Of samples [begin, end), in order, as many at a time as the options say or the graph wants.
  /// Throws Error where there are no such samples, and where the graph takes others.
  void for_each_batch(std::uint64_t begin, std::uint64_t end,
                      const std::function<void(const GraphBatch&)>& visit);

 private:
  Graph read_for(const TensorSource& weights);
  bool is_fixed_size() const;

  EvaluatorOptions options_;
  MappedFile file_;
  std::unique_ptr<TensorSource> initializers_;  // of an ONNX file
  TorchTensor input_;
  TorchTensor target_;
  std::unique_ptr<GraphRunner> runner_;
};

}  // namespace mgit
