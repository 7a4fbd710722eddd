// Any file, under any name: the choice of a parser, the parser, and what it found.
#include <array>

#include "checkpoint_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  static constexpr std::array<const char*, 10> kNames{
      "model.safetensors", "model.pt",  "model.pth",  "model.bin",  "model.ckpt",
      "model.npz",         "model.npy", "model.gguf", "model.onnx", "model"};
  fuzz::Input input(fuzz::bytes_of(data, size));
  const char* name = kNames[input.u8() % kNames.size()];
  try {
    fuzz::check_parsed(input.rest(), parse_checkpoint(input.rest(), name));
  } catch (const CorruptError&) {
  }
  return 0;
}
