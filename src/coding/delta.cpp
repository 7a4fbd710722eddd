#include "coding/delta.h"

#include <algorithm>

#include "base/wire.h"
#include "coding/context_coder.h"
#include "coding/difference.h"
#include "coding/object_frames.h"

namespace mgit {
namespace {

/// Fewer symbols do not pay for the distributions of several classes.
constexpr std::size_t kWorthContexts = 4096;

void encode_symbols(Bytes base, unsigned word, Bytes symbols, Buffer& out) {
  if (symbols.size() < kWorthContexts) return encode_plane(symbols, PlaneCoding::kHuffman, out);
  const Scratch contexts(symbols.size());
  take_contexts(base, word, contexts.bytes());
  Buffer code;
  encode_given(contexts.bytes(), symbols, code);
  if (code.size() >= symbols.size()) return encode_plane(symbols, PlaneCoding::kRaw, out);
  out.push_back(static_cast<std::byte>(PlaneTag::kGiven));
  wire::put_u32(out, static_cast<std::uint32_t>(code.size()));
  wire::put_bytes(out, code);
}

/// In `room`, or where the reader has them already.
Bytes decode_symbols(wire::Reader& reader, Bytes base, unsigned word, std::span<std::byte> room) {
  const Bytes rest = reader.rest();
  if (rest.empty() || static_cast<PlaneTag>(rest.front()) != PlaneTag::kGiven)
    return decode_plane(reader, room);
  reader.u8();
  const Bytes code = reader.take(reader.u32());
  const Scratch contexts(room.size());
  take_contexts(base, word, contexts.bytes());
  decode_given(contexts.bytes(), code, room);
  return room;
}

Buffer encode_words(Bytes words, Bytes base, unsigned word) {
  const Scratch symbols(words.size() / word);
  Buffer rest;
  take_difference(words, base, word, symbols.bytes(), rest);
  Buffer out;
  encode_symbols(base, word, symbols.bytes(), out);
  wire::put_bytes(out, rest);
  return out;
}

}  // namespace

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
  return encode_words(words, base_.frame(frame, room.bytes()), word_);
}

double guessed_ratio(Bytes data, const ObjectFrames& base, unsigned element_size) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  if (data.size() < 4 * kPiece) return 0;
  const std::size_t frame = frame_count(data.size()) / 2;
  const Scratch room(base.frame_size(frame));
  const std::size_t size = std::min(kPiece, base.frame_size(frame)) / 8 * 8;
  const Bytes words = data.subspan(frame * kFrameSize, size);
  const Bytes from = base.frame(frame, room.bytes()).first(size);
  return static_cast<double>(encode_words(words, from, difference_word(element_size)).size()) /
         static_cast<double>(size);
}

DeltaDecoder::DeltaDecoder(Bytes payload, std::uint64_t size, unsigned word)
    : word_(word), frames_(cut_frames(payload, size)) {
  if (word != difference_word(word) || size % word != 0)
    throw wire::Malformed("its size is not a multiple of its words");
}

void DeltaDecoder::decode(std::size_t frame, Bytes base, std::span<std::byte> out) const {
  wire::Reader reader(frames_[frame]);
  const Scratch room(out.size() / word_);
  const Bytes symbols = decode_symbols(reader, base, word_, room.bytes());
  apply_difference(base, word_, symbols, reader.rest(), out);
}

}  // namespace mgit
