// The zstd encoding: an object cut into frames of 1 MiB, each coded by itself.
//
//   payload = frame* table      table = u32 length of each frame
//   frame   = plane*            plane = tag, then (raw) its bytes or (zstd) u32 length, zstd frame
//
// Frames are independent, so threads share the work and a reader can stream. Everything is safe to
// call from several threads.
#pragma once

#include <array>
#include <optional>

#include "mgit/base.h"

namespace mgit {

constexpr std::size_t kFrameSize = std::size_t{1} << 20;

/// Codes one object, whose bytes must outlive it.
class FrameCoder {
 public:
  /// Looks at a sample to see which planes are worth coding.
  FrameCoder(Bytes data, unsigned element_size);
  /// False: no plane gains anything, store it raw.
  bool worthwhile() const;
  unsigned planes() const { return planes_; }
  std::size_t frames() const { return (data_.size() + kFrameSize - 1) / kFrameSize; }
  Buffer encode(std::size_t frame) const;
  /// The whole payload, on all cores.
  Buffer encode_all() const;

 private:
  Bytes data_;
  unsigned planes_;
  std::array<bool, 8> coded_{};
};

/// Reads a payload that nobody vouches for. Throws wire::Malformed.
class FrameDecoder {
 public:
  /// Checks the table. `size` is the object's.
  FrameDecoder(Bytes payload, std::uint64_t size, unsigned element_size);
  std::size_t frames() const { return frames_.size(); }
  std::size_t frame_size(std::size_t frame) const;
  void decode(std::size_t frame, std::span<std::byte> out) const;
  /// Everything, on all cores.
  void decode_all(std::span<std::byte> out) const;

 private:
  std::uint64_t size_;
  unsigned planes_;
  std::vector<Bytes> frames_;
};

/// An ordinary zstd frame; empty if it would not be smaller than `data`.
Buffer compress(Bytes data, int level);
/// Into exactly out.size() bytes. Throws wire::Malformed.
void decompress(Bytes frame, std::span<std::byte> out);

}  // namespace mgit
