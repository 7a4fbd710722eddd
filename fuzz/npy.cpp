// NumPy's arrays: headers that are Python literals.
#include "format/npy.h"

#include "base/wire.h"
#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    fuzz::check_parsed(file, {"npy", file.size(), parse_npy(file), {}});
  } catch (const CorruptError&) {
  } catch (const wire::Malformed&) {
  }
  return 0;
}
