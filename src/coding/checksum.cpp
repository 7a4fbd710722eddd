#include "coding/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mgit {
namespace {

constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;

std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  return std::rotl((state ^ word) * kFactor, 29);
}

}  // namespace

void Checksum::blocks(const std::byte* data, std::size_t count) {
  auto lanes = lanes_;  // in registers, which the compiler does not do with a member
  for (; count > 0; --count, data += sizeof(lanes)) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), data, sizeof(words));
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i], words[i]);
  }
  lanes_ = lanes;
}

void Checksum::update(Bytes data) {
  total_ += data.size();
  if (partial_size_ > 0) {
    const std::size_t count = std::min(data.size(), partial_.size() - partial_size_);
    std::copy_n(data.begin(), count, partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_));
    partial_size_ += count;
    data = data.subspan(count);
    if (partial_size_ < partial_.size()) return;
    blocks(partial_.data(), 1);
    partial_size_ = 0;
  }
  const std::size_t whole = data.size() / partial_.size();
  blocks(data.data(), whole);
  data = data.subspan(whole * partial_.size());
  std::copy(data.begin(), data.end(), partial_.begin());
  partial_size_ = data.size();
}

std::uint64_t Checksum::finish() {
  std::fill(partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_), partial_.end(),
            std::byte{0});
  blocks(partial_.data(), 1);
  std::uint64_t sum = mix(0, total_);
  for (const std::uint64_t lane : lanes_) sum = mix(sum, lane);
  return sum ^ sum >> 32;
}

std::uint64_t checksum(Bytes data) {
  Checksum sum;
  sum.update(data);
  return sum.finish();
}

}  // namespace mgit
