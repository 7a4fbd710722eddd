// Evaluating networks that are graphs: .pt2 and ONNX files.
#pragma once

#include <memory>

#include "mgit/eval.h"

namespace mgit {

/// Throws Error, as open_evaluator.
std::unique_ptr<Evaluator> open_graph_evaluator(const EvaluatorOptions& options);

}  // namespace mgit
