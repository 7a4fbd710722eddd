#include "store/stored_form.h"

#include <algorithm>

#include "coding/delta.h"
#include "coding/low_rank.h"
#include "coding/low_rank_fit.h"
#include "coding/permuted.h"
#include "store/record_frames.h"

namespace mgit {
namespace {

/// Above this an object is coded frame by frame into the pack, not in memory.
constexpr std::size_t kStreamed = 64 * kFrameSize;
/// A view this much smaller than its data is taken without trying a plain encoding.
constexpr std::size_t kClearGain = 16;
/// Above this nobody looks whether an object is another one reordered: both have to be in memory.
constexpr std::size_t kLargestReordered = 128 * kFrameSize;
/// A base has to save this much: it makes every later reading slower.
constexpr double kWorthABase = 0.97;
/// A guess may be so much too high.
constexpr double kDoubt = 0.95;

std::size_t total(const std::vector<Buffer>& pieces) {
  std::size_t size = 0;
  for (const Buffer& piece : pieces) size += piece.size();
  return size;
}

/// `form` with what `coder` makes of the bytes; raw where that is not smaller.
StoredForm coded(StoredForm form, Bytes data, std::unique_ptr<ObjectCoder> coder) {
  if (data.size() > kStreamed) {
    form.coder = std::move(coder);
    return form;
  }
  form.payload = coder->encode_pieces();
  return total(form.payload) < data.size() ? std::move(form) : StoredForm();
}

StoredForm plain_form(Bytes data, std::unique_ptr<FrameCoder> coder) {
  if (!coder->worthwhile()) return {};
  const auto planes = static_cast<std::uint8_t>(coder->planes());
  return coded({Encoding::kZstd, planes}, data, std::move(coder));
}

/// Bytes of the payload. What is large is coded to find out.
std::size_t payload_size(const StoredForm& form, Bytes data) {
  if (form.coder) return std::min(form.coder->encode_all().size(), data.size());
  return form.encoding == Encoding::kRaw ? data.size() : total(form.payload);
}

std::optional<StoredForm> delta_form(Bytes data, unsigned element_size, const OlderVersion& older,
                                     double plain_ratio) {
  if (guessed_ratio(data, *older.frames, element_size) * kDoubt >= plain_ratio) return std::nullopt;
  auto delta = std::make_unique<DeltaCoder>(data, *older.frames, element_size);
  if (delta->ratio() >= plain_ratio * kWorthABase) return std::nullopt;
  const auto word = static_cast<std::uint8_t>(delta->word());
  return coded({Encoding::kDelta, word, older.object}, data, std::move(delta));
}

std::optional<std::vector<Gather>> order_of(Bytes data, unsigned element_size,
                                            const OtherOrder& other) {
  if (data.empty() || data.size() > kLargestReordered) return std::nullopt;
  Buffer content(data.size());
  try {
    read_frames(*other.frames, content);
  } catch (const CorruptError&) {
    return std::nullopt;
  }
  return find_permutation(content, data, element_size, other.shape);
}

StoredForm low_rank_form(const TensorView& tensor, const Digest& base, Bytes base_data,
                         LowRank move) {
  StoredForm form{Encoding::kLowRank, 0, base};
  Buffer payload;
  put_low_rank(move, payload);
  const auto frames = moved_frames(frames_in_memory(base_data), std::move(move));
  const DeltaCoder coder(tensor.data, *frames, dtype_bits(tensor.dtype) / 8);
  form.element_size = static_cast<std::uint8_t>(coder.word());
  const Buffer delta = coder.encode_all();
  payload.insert(payload.end(), delta.begin(), delta.end());
  form.payload.push_back(std::move(payload));
  return form;
}

std::size_t columns_of(const Shape& shape) {
  std::size_t columns = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) columns *= shape[axis];
  return columns;
}

}  // namespace

RecordHeader header_of(const StoredForm& form, const Digest& object, std::uint64_t size) {
  return {form.encoding, form.element_size, size, 0, object, form.base.value_or(Digest()), 0};
}

StoredForm choose_form(Bytes data, unsigned element_size, const FormCandidates& candidates) {
  auto plain = std::make_unique<FrameCoder>(data, element_size);
  if (candidates.older)
    if (auto form = delta_form(data, element_size, *candidates.older, plain->ratio()))
      return *std::move(form);
  if (candidates.reordered)
    if (auto axes = order_of(data, element_size, *candidates.reordered))
      return view_form(data, candidates.reordered->base,
                       {element_size, candidates.reordered->shape, *std::move(axes)});
  return plain_form(data, std::move(plain));
}

StoredForm plain_form(Bytes data, unsigned element_size) {
  return plain_form(data, std::make_unique<FrameCoder>(data, element_size));
}

StoredForm view_form(Bytes data, const ViewBase& base, View view) {
  const unsigned element_size = view.element_size;
  std::optional<View> whole =
      base.below ? compose(*base.below, view) : std::optional(std::move(view));
  if (!whole) return plain_form(data, element_size);
  Buffer payload = encode_view(*whole);
  if (payload.size() * kClearGain > data.size()) {
    StoredForm plain = plain_form(data, element_size);
    if (payload_size(plain, data) <= payload.size()) return plain;
  }
  StoredForm form{Encoding::kView, static_cast<std::uint8_t>(element_size), base.object};
  form.payload.push_back(std::move(payload));
  form.view = std::move(whole);
  return form;
}

StoredForm smallest_form(const TensorView& tensor, const Digest& base, Bytes base_data) {
  const auto frames = frames_in_memory(base_data);
  const DeltaCoder coder(tensor.data, *frames, dtype_bits(tensor.dtype) / 8);
  StoredForm delta{Encoding::kDelta, static_cast<std::uint8_t>(coder.word()), base};
  delta.payload.push_back(coder.encode_all());
  if (!is_movable(tensor.dtype) || tensor.shape.size() < 2) return delta;
  auto move = fit_low_rank(base_data, tensor.data, tensor.dtype, columns_of(tensor.shape));
  if (!move) return delta;
  StoredForm moved = low_rank_form(tensor, base, base_data, *std::move(move));
  return total(moved.payload) < total(delta.payload) ? std::move(moved) : std::move(delta);
}

}  // namespace mgit
