#include "store/delta.h"

#include <algorithm>

#include "format/wire.h"
#include "store/difference.h"
#include "store/object_frames.h"

namespace mgit {

DeltaCoder::DeltaCoder(Bytes data, const ObjectFrames& base, unsigned element_size)
    : data_(data),
      base_(base),
      word_(difference_word(element_size)),
      tried_(frame_count(data.size()) / 2) {
  if (data.size() % word_ != 0) word_ = 1;
  tried_frame_ = coded(tried_);
}

double DeltaCoder::ratio() const {
  return static_cast<double>(tried_frame_.size()) /
         static_cast<double>(frame_size(data_.size(), tried_));
}

Buffer DeltaCoder::encode(std::size_t frame) const {
  return frame == tried_ ? tried_frame_ : coded(frame);
}

Buffer DeltaCoder::coded(std::size_t frame) const {
  const Bytes words = data_.subspan(frame * kFrameSize, frame_size(data_.size(), frame));
  const Scratch room(words.size());
  const Scratch symbols(words.size() / word_);
  const Bytes base = base_.frame(frame, room.bytes());
  Buffer rest;
  take_difference(words, base, word_, symbols.bytes(), rest);
  Buffer out;
  encode_plane(symbols.bytes(), PlaneCoding::kHuffman, out);
  wire::put_bytes(out, rest);
  return out;
}

DeltaDecoder::DeltaDecoder(Bytes payload, std::uint64_t size, unsigned word)
    : word_(word), frames_(cut_frames(payload, size)) {
  if (word != difference_word(word) || size % word != 0)
    throw wire::Malformed("its size is no multiple of its words");
}

void DeltaDecoder::decode(std::size_t frame, Bytes base, std::span<std::byte> out) const {
  wire::Reader reader(frames_[frame]);
  const Scratch symbols(out.size() / word_);
  decode_plane(reader, symbols.bytes());
  apply_difference(base, word_, symbols.bytes(), reader.rest(), out);
}

}  // namespace mgit
