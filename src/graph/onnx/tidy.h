// A graph without detours: tensors that are cut and put together again as they were.
//
// Exporters reorder the gates of recurrent layers, and reading them reorders them back. Left alone,
// each cut would let the parts of an axis move on their own.
#pragma once

#include "mgit/graph.h"

namespace mgit::onnx {

/// For a graph without operators that write in place. Nodes, and whole numbers among the constants,
/// that no output needs are gone; parameters stay, and what else a file has of constants.
Graph tidied(Graph graph);

}  // namespace mgit::onnx
