#include <algorithm>
#include <cstring>

#include "mgit/tensor.h"

namespace mgit {
namespace {

/// Words a counter as wide as the words can count; so the compiler uses vectors throughout.
constexpr std::size_t kBlock = 4096;

template <typename Word>
std::uint64_t count_words(Bytes data, Word exponent) {
  std::uint64_t count = 0;
  while (data.size() >= sizeof(Word)) {
    const std::size_t block = std::min(data.size() / sizeof(Word), kBlock);
    Word found = 0;
    for (std::size_t i = 0; i < block; ++i) {
      Word word;
      std::memcpy(&word, data.data() + i * sizeof(Word), sizeof(Word));
      found = static_cast<Word>(found + ((word & exponent) == exponent ? 1 : 0));
    }
    count += found;
    data = data.subspan(block * sizeof(Word));
  }
  return count;
}

}  // namespace

std::uint64_t count_non_finite(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF16:
      return count_words<std::uint16_t>(tensor.data, 0x7c00);
    case DType::kBF16:
      return count_words<std::uint16_t>(tensor.data, 0x7f80);
    case DType::kF32:
      return count_words<std::uint32_t>(tensor.data, 0x7f800000);
    case DType::kF64:
      return count_words<std::uint64_t>(tensor.data, 0x7ff0000000000000);
    default:
      return 0;
  }
}

}  // namespace mgit
