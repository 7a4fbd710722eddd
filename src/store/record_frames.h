// A record of a pack as its object's frames, decoded one by one, together with the bases it needs.
//
// Safe to use from several threads. Decoding throws CorruptError that names the record at fault.
#pragma once

#include <memory>

#include "coding/object_frames.h"
#include "store/record.h"

namespace mgit {

/// The frames of a record. `base` is what its header names, for views and deltas; of the same size.
std::unique_ptr<ObjectFrames> frames_of(Record record, std::unique_ptr<ObjectFrames> base);

/// Those of an object in memory, which must outlive them.
std::unique_ptr<ObjectFrames> frames_in_memory(Bytes data);

}  // namespace mgit
