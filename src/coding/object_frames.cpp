#include "coding/object_frames.h"

#include <algorithm>

#include "base/threads.h"

namespace mgit {

void read_frames(const ObjectFrames& object, std::span<std::byte> out) {
  parallel_for(object.frames(), [&](std::size_t i) {
    const std::span<std::byte> room = out.subspan(i * kFrameSize, object.frame_size(i));
    const Bytes bytes = object.frame(i, room);
    if (bytes.data() != room.data()) std::copy(bytes.begin(), bytes.end(), room.begin());
  });
}

}  // namespace mgit
