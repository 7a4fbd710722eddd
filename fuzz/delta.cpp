// Differences: a payload of unknown origin, and the coder's own.
//
//   input = what:u8 word:u8 size:u16 base bytes     what: 0 a payload over the base, 1 an object
//
// The base has `size` bytes, repeated up to `size` * 16, enough for symbols that are coded given
// the base's exponents.
#include "coding/delta.h"

#include <algorithm>

#include "base/wire.h"
#include "fuzz.h"
#include "store/record_frames.h"

namespace {

using namespace mgit;

constexpr std::size_t kTimes = 16;

class MemoryFrames final : public ObjectFrames {
 public:
  explicit MemoryFrames(Bytes bytes) : ObjectFrames(bytes.size()), bytes_(bytes) {}
  Bytes frame(std::size_t index, std::span<std::byte> /*room*/) const override {
    return bytes_.subspan(index * kFrameSize, frame_size(index));
  }

 private:
  Bytes bytes_;
};

Buffer repeated(Bytes bytes) {
  Buffer all;
  for (std::size_t i = 0; i < kTimes; ++i) all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

Buffer decoded(Bytes payload, Bytes base, unsigned word) {
  const DeltaDecoder decoder(payload, base.size(), word);
  Buffer out(base.size());
  const MemoryFrames frames(base);
  for (std::size_t i = 0; i < frames.frames(); ++i)
    decoder.decode(i, frames.frame(i, {}),
                   std::span(out).subspan(i * kFrameSize, frames.frame_size(i)));
  return out;
}

void code(Bytes object, Bytes base, unsigned word) {
  const MemoryFrames frames(base);
  const DeltaCoder coder(object, frames, word);
  const Buffer payload = coder.encode_all();
  fuzz::require(std::ranges::equal(decoded(payload, base, coder.word()), object),
                "what is coded comes back");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes_of(data, size));
  const bool object = input.u8() % 2 != 0;
  const unsigned word = 1U << input.u8() % 4U;
  const Buffer base = repeated(input.take(input.u16()));
  if (base.empty()) return 0;
  try {
    if (!object) {
      decoded(input.rest(), base, word);
    } else {
      Buffer changed = base;
      const Bytes changes = input.rest();
      for (std::size_t i = 0; i < std::min(changes.size(), changed.size()); ++i)
        changed[i] ^= changes[i];
      code(changed, base, word);
    }
  } catch (const wire::Malformed&) {
  }
  return 0;
}
