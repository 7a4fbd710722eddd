// What each layer of a network has to do with the barrier between two models.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "merge/batch_norms.h"
#include "mgit/eval.h"
#include "mgit/tensor.h"

namespace mgit {

struct ModelLayer {
  std::string name;                  // of the module, as the weights are named: "layer1.0.conv2"
  std::vector<std::string> tensors;  // sorted
};

/// A module's tensors; with them those of the batch norm that follows it alone. Other batch norms
/// are layers of their own without their running statistics, which are what others make. Tensors
/// of rank 2 or more that are equal in A, and in B as well, are tied: their modules are one layer,
/// with the name of the first. Without modules in which there is nothing to average. Sorted by
/// name.
std::vector<ModelLayer> model_layers(const TensorSource& a, const TensorSource& b,
                                     const std::vector<BatchNorm>& norms);

struct LayerBarrier {
  std::string layer;
  Evaluation midpoint;  // this layer the mean of A's and B's, all others A's
  double barrier = 0;   // its loss - (L(A) + L(B)) / 2
};

/// After layer-wise linear mode connectivity (Adilova and others, arXiv 2307.06966): as
/// BarrierCurve::barrier_paper in the middle, if all layers were one. The largest first. With
/// `repair`, running variances of `norms` that the layer changes follow from the weights. Throws as
/// Evaluator::evaluate.
std::vector<LayerBarrier> layer_barriers(Evaluator& evaluator, const TensorSource& a,
                                         const TensorSource& b,
                                         const std::vector<ModelLayer>& layers,
                                         const std::vector<BatchNorm>& norms, bool repair,
                                         double loss_of_ends,
                                         const std::function<void()>& progress = {});

}  // namespace mgit
