// GGUF files.
#include "format/gguf.h"

#include "base/wire.h"
#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    fuzz::check_parsed(file, {"gguf", file.size(), parse_gguf(file), {}});
  } catch (const CorruptError&) {
  } catch (const wire::Malformed&) {
  }
  return 0;
}
