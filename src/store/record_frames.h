// A record of a pack as its object's frames, decoded one by one, together with the bases it needs.
//
// Safe to use from several threads. Decoding throws CorruptError that names the record at fault.
#pragma once

#include <functional>
#include <memory>

#include "coding/object_frames.h"
#include "store/record.h"

namespace mgit {

/// The frames of a record. `base` is what its header names, for views and deltas; of the same size.
std::unique_ptr<ObjectFrames> frames_of(Record record, std::unique_ptr<ObjectFrames> base);

/// Where the record of a base is found.
using FindRecord = std::function<Record(const Digest&)>;

/// Before sizes from a file are believed and memory of that size is asked for: throws CorruptError
/// unless the record and its bases can have theirs, and there are few enough of them.
void check_chain(const Record& object, const FindRecord& find);
/// The frames of a record and of the bases that it needs, which were checked.
std::unique_ptr<ObjectFrames> chain_frames(const Record& object, const FindRecord& find);

/// Those of an object in memory, which must outlive them.
std::unique_ptr<ObjectFrames> frames_in_memory(Bytes data);

}  // namespace mgit
