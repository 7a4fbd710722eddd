// The layout: whatever decodes is encoded to the same bytes.
#include <algorithm>

#include "fuzz.h"
#include "mgit/format.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes encoded = fuzz::bytes_of(data, size);
  try {
    const Layout layout = decode_layout(encoded, "fuzz");
    fuzz::require(std::ranges::equal(encode_layout(layout), encoded),
                  "one layout has one encoding");
  } catch (const CorruptError&) {
  }
  return 0;
}
