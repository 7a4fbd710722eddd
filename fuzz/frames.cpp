// Frames and views of unknown origin, and the coder's own: what is coded comes back.
//
//   input = what:u8 element:u8 size:u16 bytes
//   what: 0 frames, 1 view, 2 code and decode, 3 symbols given contexts (0, 1, 2 … element and
//   again)
#include "coding/frames.h"

#include <algorithm>

#include "base/wire.h"
#include "coding/context_coder.h"
#include "coding/view.h"
#include "fuzz.h"

namespace {

using namespace mgit;

void decode_frames(Bytes payload, std::uint64_t size, unsigned element) {
  const FrameDecoder decoder(payload, size, element);
  Buffer out(size);
  decoder.decode_all(out);
}

void decode_axes(Bytes payload, std::uint64_t size, unsigned element) {
  const View view = decode_view(payload, size, element);
  fuzz::require(view.axes.size() == view.shape.size(), "a gather for each axis");
  for (std::size_t axis = 0; axis < view.axes.size(); ++axis)
    for (const std::uint32_t index : view.axes[axis])
      fuzz::require(index < view.shape[axis], "a gather stays on its axis");
  const View again = decode_view(encode_view(view), size, element);
  fuzz::require(again.shape == view.shape, "a view comes back from its encoding");
  for (std::size_t axis = 0; axis < view.axes.size(); ++axis)
    fuzz::require(again.axes[axis] == view.axes[axis] ||
                      (again.axes[axis].empty() && is_identity(view.axes[axis])),
                  "a gather comes back from its encoding");
}

void code(Bytes data, unsigned element) {
  const FrameCoder coder(data, element);
  if (!coder.worthwhile()) return;
  const Buffer payload = coder.encode_all();
  Buffer out(data.size());
  FrameDecoder(payload, data.size(), coder.planes()).decode_all(out);
  fuzz::require(std::ranges::equal(out, data), "what is coded comes back");
}

Buffer contexts_of(std::size_t count, unsigned repeat) {
  Buffer contexts;
  for (std::size_t i = 0; i < count; ++i) contexts.push_back(static_cast<std::byte>(i % repeat));
  return contexts;
}

void decode_symbols(Bytes code, std::size_t count, unsigned repeat) {
  Buffer symbols(count);
  decode_given(contexts_of(count, repeat), code, symbols);
  const Buffer contexts = contexts_of(code.size(), repeat);
  if (code.empty()) return;
  Buffer coded;
  encode_given(contexts, code, coded);
  Buffer back(code.size());
  decode_given(contexts, coded, back);
  fuzz::require(std::ranges::equal(back, code), "symbols come back from their code");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes_of(data, size));
  const unsigned what = input.u8() % 4;
  const unsigned element = 1 + input.u8() % 16U;
  const std::uint64_t object_size = input.u16();
  try {
    if (what == 0) decode_frames(input.rest(), object_size, element);
    if (what == 1) decode_axes(input.rest(), object_size, element);
    if (what == 2) code(input.rest(), element);
    if (what == 3) decode_symbols(input.rest(), object_size, element);
  } catch (const wire::Malformed&) {
  }
  return 0;
}
