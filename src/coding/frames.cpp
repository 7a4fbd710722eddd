#include "coding/frames.h"

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_c_literalCompressionMode
#include <zstd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <numeric>

#include "base/threads.h"
#include "base/wire.h"
#include "coding/planes.h"

namespace mgit {
namespace {

constexpr double kHopelessEntropy = 7.85;  // bits a byte; mantissa planes are above it
constexpr std::size_t kSampleSlices = 16;
constexpr std::size_t kSliceSize = 1024;
constexpr double kWorthMatches = 0.15;  // runs, as found_in() counts them
// Levels, with literal compression forced on: Huffman coding of every byte; the same of what is
// left where a look at every hundredth byte finds a match; zstd as it is meant.
constexpr int kHuffmanOnly = -ZSTD_TARGETLENGTH_MAX;
constexpr int kRunsAndHuffman = -100;
constexpr int kOrdinaryLevel = 1;  // for single bytes, text and what no parser knows

/// Evenly spread slices, each aligned to whole words.
Buffer sample_of(Bytes data) {
  if (data.size() <= kSampleSlices * kSliceSize) return {data.begin(), data.end()};
  Buffer sample;
  sample.reserve(kSampleSlices * kSliceSize);
  for (std::size_t i = 0; i < kSampleSlices; ++i) {
    const std::size_t at = (data.size() - kSliceSize) / (kSampleSlices - 1) * i / 8 * 8;
    wire::put_bytes(sample, data.subspan(at, kSliceSize));
  }
  return sample;
}

struct Findings {
  double bits = 0;  // a byte needs, if nothing but its frequency tells of it
  double runs = 0;  // share of bytes that equal the one before, beyond what chance would have
};

/// A sample looks more orderly than what it is of, so Miller and Madow's correction is added.
Findings found_in(Bytes bytes) {
  if (bytes.empty()) return {};
  std::array<std::size_t, 256> counts{};
  for (const std::byte byte : bytes) ++counts[static_cast<std::size_t>(byte)];
  const auto size = static_cast<double>(bytes.size());
  double bits = -1 / (2 * std::numbers::ln2);
  double chance = 0;
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / size;
    bits += 1 / (2 * std::numbers::ln2) - static_cast<double>(count) * std::log2(share);
    chance += share * share;
  }
  const auto equal = std::inner_product(bytes.begin() + 1, bytes.end(), bytes.begin(),
                                        std::size_t{0}, std::plus<>(), std::equal_to<>());
  return {bits / size, static_cast<double>(equal) / size - chance};
}

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                                  ZSTD_freeCCtx);
  if (!context) throw std::bad_alloc();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                                  ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  return context.get();
}

std::vector<Buffer>& scratch_pool() {
  thread_local std::vector<Buffer> pool;
  return pool;
}

/// An ordinary zstd frame in `room`, which has the size of `data`; empty if it would not be
/// smaller.
Bytes compress_into(std::span<std::byte> room, Bytes data, int level) {
  if (data.size() < 2) return {};
  ZSTD_CCtx* context = compressor();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  if (level < 0) ZSTD_CCtx_setParameter(context, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  const std::size_t size =
      ZSTD_compress2(context, room.data(), data.size() - 1, data.data(), data.size());
  if (ZSTD_isError(size)) return {};
  return room.first(size);
}

int level_of(PlaneCoding coding) {
  if (coding == PlaneCoding::kOrdinary) return kOrdinaryLevel;
  return coding == PlaneCoding::kRuns ? kRunsAndHuffman : kHuffmanOnly;
}

}  // namespace

Scratch::Scratch(std::size_t size) {
  std::vector<Buffer>& pool = scratch_pool();
  if (!pool.empty()) {
    buffer_ = std::move(pool.back());
    pool.pop_back();
  }
  if (buffer_.size() < size) buffer_.resize(size);
  bytes_ = std::span(buffer_).first(size);
}

Scratch::~Scratch() { scratch_pool().push_back(std::move(buffer_)); }

std::uint64_t frame_count(std::uint64_t size) {
  return size / kFrameSize + (size % kFrameSize != 0 ? 1 : 0);
}

std::size_t frame_size(std::uint64_t size, std::size_t frame) {
  return std::min<std::uint64_t>(kFrameSize, size - frame * kFrameSize);
}

void encode_plane(Bytes plane, PlaneCoding coding, Buffer& out) {
  const Scratch room(plane.size());
  Bytes small;
  if (coding != PlaneCoding::kRaw) small = compress_into(room.bytes(), plane, level_of(coding));
  if (small.empty()) {
    out.push_back(static_cast<std::byte>(PlaneTag::kRaw));
    wire::put_bytes(out, plane);
    return;
  }
  out.push_back(static_cast<std::byte>(PlaneTag::kZstd));
  wire::put_u32(out, static_cast<std::uint32_t>(small.size()));
  wire::put_bytes(out, small);
}

Bytes decode_plane(wire::Reader& reader, std::span<std::byte> room) {
  switch (static_cast<PlaneTag>(reader.u8())) {
    case PlaneTag::kRaw:
      return reader.take(room.size());
    case PlaneTag::kZstd: {
      const std::uint32_t length = reader.u32();
      decompress(reader.take(length), room);
      return room;
    }
    case PlaneTag::kGiven:
      break;
  }
  throw wire::Malformed("unknown plane coding");
}

Buffer compress(Bytes data, int level) {
  const Scratch room(data.size());
  const Bytes frame = compress_into(room.bytes(), data, level);
  return {frame.begin(), frame.end()};
}

void decompress(Bytes frame, std::span<std::byte> out) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != out.size() ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size())
    throw wire::Malformed("a compressed frame has another size than its record says");
  const std::size_t size =
      ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) || size != out.size())
    throw wire::Malformed("a compressed frame is damaged");
}

FrameCoder::FrameCoder(Bytes data, unsigned element_size)
    : data_(data), planes_(plane_count(element_size)) {
  if (data.size() % planes_ != 0) planes_ = 1;
  const Buffer sample = sample_of(data);
  if (planes_ == 1) {
    const Buffer small = compress(sample, kOrdinaryLevel);
    if (small.empty()) return;
    codings_[0] = PlaneCoding::kOrdinary;
    ratio_ = static_cast<double>(small.size()) / static_cast<double>(sample.size());
    return;
  }
  Buffer split(sample.size());
  split_planes(sample, planes_, split);
  const std::size_t stride = sample.size() / planes_;
  double bits = 0;
  for (std::size_t plane = 0; plane < planes_; ++plane) {
    const Findings found = found_in(Bytes(split).subspan(plane * stride, stride));
    const bool hopeless = found.bits >= kHopelessEntropy;
    bits += hopeless ? 8 : found.bits;
    if (!hopeless)
      codings_[plane] = found.runs < kWorthMatches ? PlaneCoding::kHuffman : PlaneCoding::kRuns;
  }
  ratio_ = bits / (8 * planes_);
}

bool FrameCoder::worthwhile() const { return !data_.empty() && codings_ != decltype(codings_){}; }

Buffer FrameCoder::encode(std::size_t frame) const {
  const std::size_t begin = frame * kFrameSize;
  const Bytes words = data_.subspan(begin, std::min(kFrameSize, data_.size() - begin));
  const Scratch split(words.size());
  split_planes(words, planes_, split.bytes());
  const std::size_t stride = words.size() / planes_;
  Buffer out;
  out.reserve(words.size() + planes_);
  for (std::size_t plane = 0; plane < planes_; ++plane)
    encode_plane(Bytes(split.bytes()).subspan(plane * stride, stride), codings_[plane], out);
  return out;
}

std::vector<Buffer> ObjectCoder::encode_pieces() const {
  std::vector<Buffer> pieces(frames());
  parallel_for(pieces.size(), [&](std::size_t i) { pieces[i] = encode(i); });
  Buffer table;
  for (const Buffer& frame : pieces) wire::put_u32(table, static_cast<std::uint32_t>(frame.size()));
  pieces.push_back(std::move(table));
  return pieces;
}

Buffer ObjectCoder::encode_all() const {
  Buffer payload;
  for (const Buffer& piece : encode_pieces()) wire::put_bytes(payload, piece);
  return payload;
}

std::vector<Bytes> cut_frames(Bytes payload, std::uint64_t size) {
  const std::uint64_t count = frame_count(size);
  if (count > payload.size() / sizeof(std::uint32_t))
    throw wire::Malformed("its table of frames is too short");
  wire::Reader table(payload.last(count * sizeof(std::uint32_t)));
  wire::Reader body(payload.first(payload.size() - table.rest().size()));
  std::vector<Bytes> frames;
  frames.reserve(count);
  while (!table.done()) frames.push_back(body.take(table.u32()));
  if (!body.done()) throw wire::Malformed("its frames do not add up");
  return frames;
}

FrameDecoder::FrameDecoder(Bytes payload, std::uint64_t size, unsigned element_size)
    : size_(size), planes_(plane_count(element_size)), frames_(cut_frames(payload, size)) {
  if (size % planes_ != 0) throw wire::Malformed("its size is not a multiple of its elements");
}

void FrameDecoder::decode(std::size_t frame, std::span<std::byte> out) const {
  wire::Reader reader(frames_[frame]);
  const Scratch split(out.size());
  const std::size_t stride = out.size() / planes_;
  std::array<Bytes, 8> planes;
  for (std::size_t plane = 0; plane < planes_; ++plane)
    planes.at(plane) = decode_plane(reader, split.bytes().subspan(plane * stride, stride));
  if (!reader.done()) throw wire::Malformed("a frame goes on after its end");
  join_planes(std::span(planes).first(planes_), out);
}

void FrameDecoder::decode_all(std::span<std::byte> out) const {
  parallel_for(frames(), [&](std::size_t i) {
    decode(i, out.subspan(i * kFrameSize, frame_size(size_, i)));
  });
}

}  // namespace mgit
