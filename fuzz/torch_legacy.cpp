// What torch.save wrote before 1.6.
#include "checkpoint_checks.h"
#include "format/torch.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  try {
    if (const auto parsed = parse_torch_legacy(file)) fuzz::check_parsed(file, *parsed);
  } catch (const Error&) {
  }
  return 0;
}
