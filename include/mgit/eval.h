// Evaluating a network: loss and accuracy on a data file, barriers between two models.
//
// Networks run in libmgit_torch.so, opened on demand (LibTorch costs a quarter of a second to load,
// so nothing else links it). This header knows nothing of LibTorch or git.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

class NormRepair;

struct Evaluation {
  double loss = 0;                 // mean over samples
  std::optional<double> accuracy;  // 0..1, for classification
  std::uint64_t samples = 0;
};

struct EvaluatorOptions {
  /// TorchScript, or a .pt2 or .onnx file: takes "input", returns logits (or a prediction for mse).
  std::filesystem::path graph;
  std::filesystem::path data;          // safetensors with "input" and "target"
  std::string loss = "cross_entropy";  // or "mse"
  std::uint64_t batch = 1000;
};

/// Which activations, on what.
struct ActivationRequest {
  /// Modules as the weights are named: "fc1", "layer1.0.conv2". "relu#2" is the second run of one
  /// that runs more than once.
  std::vector<std::string> modules;
  std::uint64_t begin = 0;  // samples [begin, end) of the data file
  std::uint64_t end = 0;
};

/// What single samples of a data file cost: of each its mean over what it has to tell (a text's
/// tokens, a prediction's numbers).
struct SampleScores {
  std::uint64_t samples = 0;
  std::vector<double> losses;   // `samples` for each scale, one after the other
  std::vector<double> correct;  // shares, 0..1; empty where it is no classification

  /// Of all samples, or of every second one from `first` on.
  double loss(std::size_t scale = 0) const;
};

/// Runs one network on one data file with the weights it is given. Not thread-safe.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// Parameters and buffers are set by name. Throws Error naming the first that is missing, unknown
  /// or of another shape.
  virtual Evaluation evaluate(const TensorSource& weights) = 0;
  /// As evaluate(), sample by sample, with logits multiplied by each of `scales` (cross_entropy;
  /// others have no logits, and equal losses for each). The network runs once.
  virtual SampleScores scores(const TensorSource& weights, const std::vector<double>& scales) = 0;
  /// The largest absolute change of any output (logit) on the data file, from one model's weights
  /// to the other's: what a rebase must leave at rounding.
  virtual double largest_output_change(const TensorSource& before, const TensorSource& after) = 0;
  /// What modules of the network return, as F32, batch by batch: for each batch `take` gets every
  /// module's values, in the order of the request, with its place there; they live until it
  /// returns. No more than one batch is held. Throws Error for a module that the network does not
  /// have, that does not return a tensor or runs only under a condition, and for samples that are
  /// not there; then `take` was not called.
  virtual void activations(
      const TensorSource& weights, const ActivationRequest& request,
      const std::function<void(std::size_t module, const TensorView& values)>& take) = 0;
};

/// Opens the plugin (MGIT_TORCH_PLUGIN, next to the binary, ../lib). Throws Error with a hint if it
/// is not installed.
std::unique_ptr<Evaluator> open_evaluator(const EvaluatorOptions& options);

/// L along the line (1-lambda) A + lambda B.
struct BarrierCurve {
  std::vector<double> lambda;
  std::vector<Evaluation> points;
  double barrier = 0;        // max L(l) - ((1-l) L(0) + l L(1))
  double barrier_paper = 0;  // max L(l) - (L(0) + L(1)) / 2 (arXiv 2209.04836, definition 2.1)
};

/// `repair`, if given, was made of the same two models. `scores`, if given, gets what each sample
/// costs at each point; the points are then their means.
BarrierCurve barrier_curve(Evaluator& evaluator, const TensorSource& a, const TensorSource& b,
                           int points = 25,
                           const std::function<void(int done, int total)>& progress = {},
                           const NormRepair* repair = nullptr,
                           std::vector<SampleScores>* scores = nullptr);

/// One named curve for drawing.
struct NamedCurve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// Draws curves with Unicode braille or block characters, axes and a legend, for a terminal `width`
/// columns wide. No colour codes unless `colour`.
std::string draw_curves(const std::vector<NamedCurve>& curves, const std::string& x_label,
                        const std::string& y_label, int width = 72, int height = 16,
                        bool colour = false);

/// Curves as an SVG document.
std::string curves_svg(const std::vector<NamedCurve>& curves, const std::string& x_label,
                       const std::string& y_label);

}  // namespace mgit
