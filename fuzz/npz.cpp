// NumPy's archives of arrays.
#include "format/npz.h"

#include "base/wire.h"
#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    const std::vector<ZipEntry> entries = read_zip(file);
    if (looks_like_npz(entries))
      fuzz::check_parsed(file, {"npz", file.size(), parse_npz(file, entries), {}});
  } catch (const CorruptError&) {
  } catch (const wire::Malformed&) {
  }
  return 0;
}
