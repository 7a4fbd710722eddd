#include "format/chunks.h"

#include <algorithm>
#include <array>
#include <bit>

namespace mgit {
namespace {

constexpr std::uint64_t kSmallestAverage = std::uint64_t{256} << 10;
constexpr std::uint64_t kChunksAtMost = 1024;  // of average length
constexpr std::uint64_t kWindow = 64;          // bytes that one hash knows

/// One step of splitmix64 (Steele et al., 2014) for every byte.
constexpr std::array<std::uint64_t, 256> make_gear() {
  std::array<std::uint64_t, 256> gear{};
  for (std::uint64_t byte = 0; byte < gear.size(); ++byte) {
    std::uint64_t value = (byte + 1) * 0x9e3779b97f4a7c15U;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    gear[byte] = value ^ value >> 31;
  }
  return gear;
}
constexpr std::array<std::uint64_t, 256> kGear = make_gear();

std::uint64_t step(std::uint64_t hash, std::byte byte) {
  return (hash << 1) + kGear[static_cast<std::uint8_t>(byte)];
}

/// Moves `at` on to the first place up to `end` where the hash is below `limit`.
bool find_cut(Bytes region, std::uint64_t& at, std::uint64_t end, std::uint64_t& hash,
              std::uint64_t limit) {
  while (at < end) {
    if (hash < limit) return true;
    hash = step(hash, region[at++]);
  }
  return false;
}

/// Cuts are rare before the average length and frequent after it, which keeps lengths close to it.
std::uint64_t first_chunk(Bytes region, std::uint64_t average) {
  const std::uint64_t shortest = average / 4;
  if (region.size() <= shortest) return region.size();
  const std::uint64_t usual = std::min<std::uint64_t>(region.size(), average);
  const std::uint64_t longest = std::min<std::uint64_t>(region.size(), average * 4);
  const auto bits = static_cast<unsigned>(std::countr_zero(average));
  std::uint64_t at = shortest;
  std::uint64_t hash = 0;
  for (const std::byte byte : region.subspan(at - kWindow, kWindow)) hash = step(hash, byte);
  if (!find_cut(region, at, usual, hash, std::uint64_t{1} << (64 - bits - 2)))
    find_cut(region, at, longest, hash, std::uint64_t{1} << (64 - bits + 2));
  return at;
}

}  // namespace

std::uint64_t average_chunk(std::uint64_t size) {
  const std::uint64_t wanted = size / kChunksAtMost + (size % kChunksAtMost != 0 ? 1 : 0);
  return std::max(kSmallestAverage, std::bit_ceil(wanted));
}

std::vector<std::uint64_t> cut_by_content(Bytes region) {
  const std::uint64_t average = average_chunk(region.size());
  std::vector<std::uint64_t> lengths;
  while (!region.empty()) {
    lengths.push_back(first_chunk(region, average));
    region = region.subspan(lengths.back());
  }
  return lengths;
}

}  // namespace mgit
