#include "coding/low_rank.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "coding/frames.h"

namespace mgit {
namespace {

constexpr int kExponentBias = 128;
constexpr std::array kMovable{DType::kF32, DType::kF16, DType::kBF16};  // by their number on disk

/// Small numbers of both signs are small: 0, -1, 1, -2, 2 …
std::uint16_t zigzag(std::int16_t number) {
  return static_cast<std::uint16_t>(static_cast<std::uint16_t>(number) << 1 ^ number >> 15);
}

std::int16_t unzigzag(std::uint16_t number) {
  return static_cast<std::int16_t>(number >> 1 ^ -(number & 1));
}

void put_factor(const std::vector<std::int16_t>& factor, Buffer& out) {
  Buffer low(factor.size());
  Buffer high(factor.size());
  for (std::size_t i = 0; i < factor.size(); ++i) {
    low[i] = static_cast<std::byte>(zigzag(factor[i]));
    high[i] = static_cast<std::byte>(zigzag(factor[i]) >> 8);
  }
  encode_plane(low, PlaneCoding::kHuffman, out);
  encode_plane(high, PlaneCoding::kHuffman, out);
}

std::vector<std::int16_t> take_factor(wire::Reader& reader, std::size_t size) {
  Buffer low_room(size);
  Buffer high_room(size);
  const Bytes low = decode_plane(reader, low_room);
  const Bytes high = decode_plane(reader, high_room);
  std::vector<std::int16_t> factor(size);
  for (std::size_t i = 0; i < size; ++i)
    factor[i] = unzigzag(static_cast<std::uint16_t>(static_cast<unsigned>(high[i]) << 8 |
                                                    static_cast<unsigned>(low[i])));
  return factor;
}

std::int64_t largest_of(const std::vector<std::int16_t>& factor) {
  std::int64_t largest = 0;
  for (const std::int16_t number : factor)
    largest = std::max(largest, std::abs(std::int64_t{number}));
  return largest;
}

/// To nearest even. Only for F16 through the general conversion, which takes its time.
void round(std::span<const float> values, DType dtype, std::span<std::byte> out) {
  if (dtype == DType::kF32) {
    std::memcpy(out.data(), values.data(), out.size());
  } else if (dtype == DType::kBF16) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      const auto word = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
      std::memcpy(out.data() + i * sizeof(word), &word, sizeof(word));
    }
  } else {
    const std::vector<double> wide(values.begin(), values.end());
    from_double(wide, dtype, out);
  }
}

/// The base after a move of low rank, frame by frame. Owns the base's frames; safe for several
/// threads. A frame costs its elements times the rank.
class MovedFrames final : public ObjectFrames {
 public:
  MovedFrames(std::unique_ptr<ObjectFrames> base, LowRank move)
      : ObjectFrames(base->size()),
        base_(std::move(base)),
        move_(std::move(move)),
        word_(dtype_bits(move_.dtype) / 8),
        step_(std::ldexp(1.0, move_.exponent)) {}

  Bytes frame(std::size_t index, std::span<std::byte> room) const override {
    const Scratch scratch(room.size());
    const Bytes base = base_->frame(index, scratch.bytes());
    const std::size_t first = index * kFrameSize / word_;
    for (std::size_t at = 0; at < room.size();) {
      const std::size_t column = (first + at / word_) % move_.columns;
      const std::size_t count =
          std::min({kPiece, move_.columns - column, (room.size() - at) / word_});
      move_piece(base.subspan(at, count * word_), (first + at / word_) / move_.columns, column,
                 room.subspan(at, count * word_));
      at += count * word_;
    }
    return room;
  }

 private:
  static constexpr std::size_t kPiece = 256;  // elements of one row

  void move_piece(Bytes base, std::size_t row, std::size_t column, std::span<std::byte> out) const {
    const std::size_t count = base.size() / word_;
    std::array<std::int32_t, kPiece> moves{};
    for (std::size_t k = 0; k < move_.rank; ++k) {
      const std::int16_t left = move_.left[row * move_.rank + k];
      const std::int16_t* const right = move_.right.data() + k * move_.columns + column;
      for (std::size_t i = 0; i < count; ++i) moves[i] += left * right[i];
    }
    std::array<float, kPiece> values;
    to_float({move_.dtype, {count}, base}, std::span(values).first(count));
    std::array<float, kPiece> moved;
    for (std::size_t i = 0; i < count; ++i)
      moved[i] = static_cast<float>(values[i] + moves[i] * step_);
    round(std::span(moved).first(count), move_.dtype, out);
    for (std::size_t i = 0; i < count; ++i)
      if (!std::isfinite(values[i]))
        std::memcpy(out.data() + i * word_, base.data() + i * word_, word_);
  }

  std::unique_ptr<ObjectFrames> base_;
  LowRank move_;
  std::size_t word_;
  double step_;
};

}  // namespace

bool is_movable(DType dtype) { return std::ranges::find(kMovable, dtype) != kMovable.end(); }

bool is_sound(const LowRank& move) {
  return largest_of(move.left) * largest_of(move.right) <=
             INT32_MAX / static_cast<std::int64_t>(move.rank) &&
         move.exponent >= -kExponentBias && move.exponent < kExponentBias;
}

void put_low_rank(const LowRank& move, Buffer& out) {
  out.push_back(static_cast<std::byte>(std::ranges::find(kMovable, move.dtype) - kMovable.begin()));
  wire::put_varint(out, move.columns);
  out.push_back(static_cast<std::byte>(move.rank));
  out.push_back(static_cast<std::byte>(move.exponent + kExponentBias));
  put_factor(move.left, out);
  put_factor(move.right, out);
}

LowRank take_low_rank(wire::Reader& reader, std::uint64_t size) {
  LowRank move;
  const std::size_t number = reader.u8();
  if (number >= kMovable.size()) throw wire::Malformed("a move of an unknown number format");
  move.dtype = kMovable.at(number);
  move.columns = reader.varint();
  move.rank = reader.u8();
  move.exponent = reader.u8() - kExponentBias;
  const std::uint64_t words = size / (dtype_bits(move.dtype) / 8);
  if (size % (dtype_bits(move.dtype) / 8) != 0 || move.columns == 0 || words == 0 ||
      words % move.columns != 0)
    throw wire::Malformed("a move of another shape");
  const std::uint64_t rows = words / move.columns;
  if (move.rank == 0 || move.rank > kMostRank ||
      move.rank > std::min<std::uint64_t>(rows, move.columns))
    throw wire::Malformed("a move of an impossible rank");
  move.left = take_factor(reader, rows * move.rank);
  move.right = take_factor(reader, move.columns * move.rank);
  if (!is_sound(move)) throw wire::Malformed("a move with too large numbers");
  return move;
}

std::unique_ptr<ObjectFrames> moved_frames(std::unique_ptr<ObjectFrames> base, LowRank move) {
  return std::make_unique<MovedFrames>(std::move(base), std::move(move));
}

}  // namespace mgit
