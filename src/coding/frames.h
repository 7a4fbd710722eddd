// The zstd encoding: an object cut into frames of 1 MiB, each coded by itself.
//
//   payload = frame* table      table = u32 length of each frame
//   frame   = plane*            plane = tag, then (raw) its bytes or (zstd) u32 length, zstd frame
//
// Frames are independent, so threads share the work and a reader can stream. Everything is safe to
// call from several threads.
#pragma once

#include <array>
#include <vector>

#include "base/wire.h"
#include "mgit/base.h"

namespace mgit {

constexpr std::size_t kFrameSize = std::size_t{1} << 20;

/// Frames of an object of `size` bytes.
std::uint64_t frame_count(std::uint64_t size);
std::size_t frame_size(std::uint64_t size, std::size_t frame);

/// An object being coded in frames.
class ObjectCoder {
 public:
  virtual ~ObjectCoder() = default;
  virtual std::size_t frames() const = 0;
  virtual Buffer encode(std::size_t frame) const = 0;
  /// The payload in pieces, every frame and the table, coded on all cores.
  std::vector<Buffer> encode_pieces() const;
  Buffer encode_all() const;
};

/// How a plane is to be coded: not at all, by the frequency of its bytes, the same where it has
/// long runs, or as zstd does.
enum class PlaneCoding : std::uint8_t { kRaw, kHuffman, kRuns, kOrdinary };

/// Codes one object, whose bytes must outlive it.
class FrameCoder final : public ObjectCoder {
 public:
  /// Looks at a sample to see which planes are worth coding.
  FrameCoder(Bytes data, unsigned element_size);
  /// False: no plane gains anything, store it raw.
  bool worthwhile() const;
  /// Coded size to size, as the sample has it; 1 if not worthwhile.
  double ratio() const { return ratio_; }
  unsigned planes() const { return planes_; }
  std::size_t frames() const override { return frame_count(data_.size()); }
  Buffer encode(std::size_t frame) const override;

 private:
  Bytes data_;
  unsigned planes_;
  double ratio_ = 1;
  std::array<PlaneCoding, 8> codings_{};
};

/// The frames of a payload that ends with a table of their lengths. Throws wire::Malformed.
std::vector<Bytes> cut_frames(Bytes payload, std::uint64_t size);

/// Reads a payload that nobody vouches for. Throws wire::Malformed.
class FrameDecoder {
 public:
  /// Checks the table. `size` is the object's.
  FrameDecoder(Bytes payload, std::uint64_t size, unsigned element_size);
  std::size_t frames() const { return frames_.size(); }
  void decode(std::size_t frame, std::span<std::byte> out) const;
  /// Everything, on all cores.
  void decode_all(std::span<std::byte> out) const;

 private:
  std::uint64_t size_;
  unsigned planes_;
  std::vector<Bytes> frames_;
};

/// How the bytes of a plane follow: as they are, as a zstd frame, or as a code given a context that
/// the reader has (deltas only).
enum class PlaneTag : std::uint8_t { kRaw = 0, kZstd = 1, kGiven = 2 };
/// A tag, then the bytes, coded unless that is no smaller.
void encode_plane(Bytes plane, PlaneCoding coding, Buffer& out);
/// A plane of room.size() bytes: in `room`, or where the reader has it already. Throws
/// wire::Malformed.
Bytes decode_plane(wire::Reader& reader, std::span<std::byte> room);

/// Memory that its thread uses again and again.
class Scratch {
 public:
  explicit Scratch(std::size_t size);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  Buffer buffer_;
  std::span<std::byte> bytes_;
};

/// An ordinary zstd frame; empty if it would not be smaller than `data`.
Buffer compress(Bytes data, int level);
/// Into exactly out.size() bytes. Throws wire::Malformed.
void decompress(Bytes frame, std::span<std::byte> out);

}  // namespace mgit
