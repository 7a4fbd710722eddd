// ONNX files: protocol buffers of unknown origin.
#include "format/onnx.h"

#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  const Bytes file = fuzz::bytes_of(data, size);
  if (auto tensors = parse_onnx(file))
    fuzz::check_parsed(file, {"onnx", file.size(), *std::move(tensors), {}});
  return 0;
}
