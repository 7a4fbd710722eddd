#include "store/checksum.h"

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

void Checksum::block(const std::byte* data) {
  std::array<std::uint64_t, 4> words;
  std::memcpy(words.data(), data, sizeof(words));
  for (std::size_t i = 0; i < 4; ++i) lanes_[i] = mix(lanes_[i], words[i]);
}

void Checksum::update(Bytes data) {
  total_ += data.size();
  if (partial_size_ > 0) {
    const std::size_t count = std::min(data.size(), partial_.size() - partial_size_);
    std::copy_n(data.begin(), count, partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_));
    partial_size_ += count;
    data = data.subspan(count);
    if (partial_size_ < partial_.size()) return;
    block(partial_.data());
    partial_size_ = 0;
  }
  for (; data.size() >= partial_.size(); data = data.subspan(partial_.size())) block(data.data());
  std::copy(data.begin(), data.end(), partial_.begin());
  partial_size_ = data.size();
}

std::uint64_t Checksum::finish() {
  std::fill(partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_), partial_.end(),
            std::byte{0});
  block(partial_.data());
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
