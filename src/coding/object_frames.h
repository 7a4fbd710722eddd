// An object as its frames, decoded one by one, whatever it is coded against.
//
// Safe to use from several threads. Decoding checks structure, not content: whoever wants all of an
// object compares its SHA-256.
#pragma once

#include "coding/frames.h"

namespace mgit {

class ObjectFrames {
 public:
  explicit ObjectFrames(std::uint64_t size) : size_(size) {}
  virtual ~ObjectFrames() = default;
  ObjectFrames(const ObjectFrames&) = delete;
  ObjectFrames& operator=(const ObjectFrames&) = delete;

  std::uint64_t size() const { return size_; }
  std::size_t frames() const { return frame_count(size_); }
  std::size_t frame_size(std::size_t frame) const { return mgit::frame_size(size_, frame); }
  /// The bytes of a frame: decoded into `room`, which has its size, or where they lie already.
  virtual Bytes frame(std::size_t index, std::span<std::byte> room) const = 0;

 private:
  std::uint64_t size_;
};

/// Everything, on all cores.
void read_frames(const ObjectFrames& object, std::span<std::byte> out);

}  // namespace mgit
