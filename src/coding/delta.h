// The delta encoding: an object as its difference from a base of the same size, in the base's
// frames.
//
//   payload = frame* table
//   frame   = plane rest        symbols, one byte for each word, coded like a byte plane; then bits
//
// coding/difference.h says what symbols and rest are. Frames are independent given the base's, so
// threads share the work and a reader needs one frame of each object of a chain at a time.
#pragma once

#include "coding/frames.h"

namespace mgit {

class ObjectFrames;

/// Codes one object; it and its base must outlive the coder.
class DeltaCoder final : public ObjectCoder {
 public:
  /// `base` has the size of `data`. Codes one frame to find out what there is to gain.
  DeltaCoder(Bytes data, const ObjectFrames& base, unsigned element_size);
  /// Coded size to size, of that frame.
  double ratio() const;
  unsigned word() const { return word_; }
  std::size_t frames() const override { return frame_count(data_.size()); }
  Buffer encode(std::size_t frame) const override;

 private:
  Buffer coded(std::size_t frame) const;

  Bytes data_;
  const ObjectFrames& base_;
  unsigned word_;
  std::size_t tried_;   // a frame
  Buffer tried_frame_;  // coded
};

/// A first guess at DeltaCoder::ratio() from a piece of the frame that it would code, a little
/// high; 0 for an object so small that nothing is saved by guessing.
double guessed_ratio(Bytes data, const ObjectFrames& base, unsigned element_size);

/// Reads a payload that nobody vouches for. Throws wire::Malformed.
class DeltaDecoder {
 public:
  DeltaDecoder(Bytes payload, std::uint64_t size, unsigned word);
  /// `base` and `out` have the frame's size.
  void decode(std::size_t frame, Bytes base, std::span<std::byte> out) const;

 private:
  unsigned word_;
  std::vector<Bytes> frames_;
};

}  // namespace mgit
