// What must hold for every file that a parser of checkpoints accepts.
#pragma once

#include "mgit/format.h"

namespace mgit::fuzz {

/// Storages lie inside the file and apart; layout, storages and gaps give back the file; layout and
/// manifest come back from their encodings; the outline lists tensors of the manifest.
void check_parsed(Bytes file, const ParsedCheckpoint& parsed);

}  // namespace mgit::fuzz
