// The program in a torch.export archive, JSON to Graph: torch/_export/serde/schema.py, major
// version 8.
//
// Graphs inside nodes (torch.no_grad(), autocast, checkpointing) become part of the graph around
// them; of others (cond, while_loop) the node stays, with their operands as its arguments, its
// graphs as texts. In-place operators are left as they are (functional.h).
#pragma once

#include <string_view>

#include "graph/pt2_archive.h"
#include "mgit/graph.h"

namespace mgit {

/// Throws CorruptError and Error, without a place.
Graph read_pt2_program(const Pt2Archive& archive);

}  // namespace mgit
