// Content-defined chunks: bytes that no parser understands, cut where their content says so.
//
// Inserting or deleting bytes changes the chunks around that place and no others, so versions of an
// unknown file share the rest. A gear hash, as in FastCDC (Xia et al., USENIX ATC 2016), here a
// function of exactly the 64 bytes before a place. Where a file is cut is part of the format
// (docs/formats.md): the same bytes are cut alike, forever. A pure function, free for any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "mgit/base.h"

namespace mgit {

/// What chunks of a region of `size` bytes measure on average: 256 KiB up to 256 MiB, beyond that a
/// power of two, so that there are about a thousand of them at most.
std::uint64_t average_chunk(std::uint64_t size);

/// Lengths of the chunks of `region`, in order; none is empty, and they add up to its size.
std::vector<std::uint64_t> cut_by_content(Bytes region);

}  // namespace mgit
