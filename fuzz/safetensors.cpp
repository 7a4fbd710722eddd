// The safetensors parser.
#include "format/safetensors.h"

#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    fuzz::check_parsed(file, {"safetensors", file.size(), parse_safetensors(file), {}});
  } catch (const CorruptError&) {
  }
  return 0;
}
