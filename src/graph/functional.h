// Graphs without in-place operators: what each computes becomes a value of its own.
//
// Exporters that trace (torch.export, TorchScript) keep operators that write into their first
// argument, "aten.relu_". Whoever reads a graph value by value would miss what such a write does to
// the views of that tensor. Here each becomes its functional form, what was written is carried to
// the tensors it is a view of (select_scatter, slice_scatter, the reverse of a reshape), and views
// made before are made again where they are used later.
#pragma once

#include "mgit/graph.h"

namespace mgit {

/// New contents of parameters, buffers and inputs become outputs. Throws Error, without a place,
/// where it cannot be told whether a value used later shares the memory that was written.
Graph functional(Graph graph);

}  // namespace mgit
