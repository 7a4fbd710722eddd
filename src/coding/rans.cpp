#include "coding/rans.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "coding/frames.h"

namespace mgit::rans {
namespace {

constexpr std::size_t kStates = 4;           // symbol i is state i % 4's
constexpr unsigned kStateBits = 31;          // a state is below 2^31 ...
constexpr std::uint32_t kLowest = 1U << 15;  // ... and at least this
constexpr unsigned kWordBits = 16;           // what a state gives up or takes at a time
using States = std::array<std::uint32_t, kStates>;

/// A symbol turns a state x into x / frequency * kTotal + x % frequency + start, which is
/// x + bias + x / frequency * complement.
struct Step {
  std::uint32_t limit;       // from here on a state gives up a word first
  std::uint32_t reciprocal;  // times x, right by `shift`: x / frequency, exactly (rounded up, it
                             // has as many bits more than the frequency as x has)
  std::uint16_t bias;
  std::uint16_t complement;
  std::uint8_t shift;
};
using Steps = std::array<Step, 256>;

Steps steps_of(const Frequencies& frequencies) {
  Steps steps{};
  std::uint32_t start = 0;
  for (std::size_t symbol = 0; symbol < steps.size(); ++symbol) {
    const std::uint32_t frequency = frequencies[symbol];
    if (frequency == 0) continue;
    const auto shift = static_cast<unsigned>(kStateBits + std::bit_width(frequency - 1));
    steps[symbol] = {
        frequency << (kStateBits - kPrecision),
        static_cast<std::uint32_t>(((std::uint64_t{1} << shift) + frequency - 1) / frequency),
        static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(kTotal - frequency),
        static_cast<std::uint8_t>(shift)};
    start += frequency;
  }
  return steps;
}

/// What a decoder finds at x % kTotal, from the low bits up: the symbol (8), the place among its
/// slots (12), its frequency (12).
using Slots = std::array<std::uint32_t, kTotal>;

void fill(Slots& slots, const Frequencies& frequencies) {
  auto slot = slots.begin();
  for (std::uint32_t symbol = 0; symbol < frequencies.size(); ++symbol)
    for (std::uint32_t place = 0; place < frequencies[symbol]; ++place)
      *slot++ = symbol | place << 8 | std::uint32_t{frequencies[symbol]} << 20;
}

/// Writes every word and moves on only if it was one: nothing to predict.
inline std::uint32_t take_step(const Step& step, std::uint32_t state, std::byte*& out) {
  const auto gives = static_cast<std::uint32_t>(state >= step.limit);
  const auto word = static_cast<std::uint16_t>(state);
  std::memcpy(out - sizeof(word), &word, sizeof(word));
  out -= gives * sizeof(word);
  state >>= gives * kWordBits;
  const auto quotient =
      static_cast<std::uint32_t>(std::uint64_t{state} * step.reciprocal >> step.shift);
  return state + step.bias + quotient * step.complement;
}

inline std::uint32_t undo_step(std::uint32_t slot, std::uint32_t state) {
  return (slot >> 20) * (state >> kPrecision) + (slot >> 8 & (kTotal - 1));
}

/// Reads a word, wanted or not.
inline std::uint32_t refilled(std::uint32_t state, const std::byte*& in) {
  const auto wants = static_cast<std::uint32_t>(state < kLowest);
  std::uint16_t word = 0;
  std::memcpy(&word, in, sizeof(word));
  in += wants * sizeof(word);
  return state << wants * kWordBits | (word & -wants);
}

}  // namespace

Frequencies frequencies_of(const Counts& counts) {
  const auto total =
      std::max(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), std::uint64_t{1});
  Frequencies frequencies{};
  std::int64_t left = kTotal;
  for (std::size_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (counts[symbol] == 0) continue;
    const std::uint64_t rounded = (counts[symbol] * std::uint64_t{kTotal} + total / 2) / total;
    frequencies[symbol] = static_cast<std::uint16_t>(std::max<std::uint64_t>(rounded, 1));
    left -= frequencies[symbol];
  }
  // What rounding left over or owes, the most frequent symbols bear: a small part of theirs.
  while (left != 0) {
    auto& most = *std::max_element(frequencies.begin(), frequencies.end());
    const std::int64_t part = left > 0 ? left : std::max(left, -std::int64_t{most} / 8 - 1);
    most = static_cast<std::uint16_t>(most + part);
    left -= part;
  }
  return frequencies;
}

void put_frequencies(const Frequencies& frequencies, Buffer& out) {
  std::uint32_t left = kTotal;
  for (std::size_t symbol = 0; left > 0; ++symbol) {
    wire::put_varint(out, frequencies[symbol]);
    left -= frequencies[symbol];
    if (frequencies[symbol] > 0) continue;
    const std::size_t first = symbol;
    while (frequencies[symbol + 1] == 0) ++symbol;
    wire::put_varint(out, symbol - first);
  }
}

Frequencies take_frequencies(wire::Reader& reader) {
  Frequencies frequencies{};
  std::uint32_t left = kTotal;
  for (std::uint64_t symbol = 0; left > 0; ++symbol) {
    const std::uint64_t frequency = reader.varint();
    if (symbol >= frequencies.size() || frequency > left)
      throw wire::Malformed("frequencies do not add up");
    frequencies[symbol] = static_cast<std::uint16_t>(frequency);
    left -= static_cast<std::uint32_t>(frequency);
    if (frequency == 0) symbol += std::min<std::uint64_t>(reader.varint(), frequencies.size());
  }
  return frequencies;
}

void encode(Bytes contexts, Bytes symbols, const Model& model, Buffer& out) {
  std::vector<Steps> steps(model.distributions.size());
  std::transform(model.distributions.begin(), model.distributions.end(), steps.begin(), steps_of);
  const auto step = [&](std::size_t i) -> const Step& {
    return steps[model.class_of[static_cast<std::size_t>(contexts[i])]]
                [static_cast<std::size_t>(symbols[i])];
  };
  const Scratch room(2 * symbols.size() + sizeof(States));
  std::byte* const end = room.bytes().data() + room.bytes().size();
  std::byte* at = end;
  States states;
  states.fill(kLowest);
  std::size_t i = symbols.size();
  for (; i % kStates != 0; --i) {
    std::uint32_t& state = states[(i - 1) % kStates];
    state = take_step(step(i - 1), state, at);
  }
  for (; i > 0; i -= kStates)
    for (std::size_t k = kStates; k > 0; --k)
      states[k - 1] = take_step(step(i - kStates + k - 1), states[k - 1], at);
  for (const std::uint32_t state : states) wire::put_u32(out, state);
  out.insert(out.end(), at, end);
}

void decode(Bytes contexts, Bytes code, const Model& model, std::span<std::byte> symbols) {
  const Scratch room(model.distributions.size() * sizeof(Slots));
  auto* const slots = reinterpret_cast<Slots*>(room.bytes().data());
  for (std::size_t i = 0; i < model.distributions.size(); ++i)
    fill(slots[i], model.distributions[i]);
  std::array<const std::uint32_t*, 256> slots_of;
  std::transform(model.class_of.begin(), model.class_of.end(), slots_of.begin(),
                 [&](std::size_t which) { return slots[which].data(); });
  const auto slot = [&](std::size_t i, std::uint32_t state) {
    return slots_of[static_cast<std::size_t>(contexts[i])][state % kTotal];
  };
  wire::Reader reader(code);
  States states;
  for (std::uint32_t& state : states) state = reader.u32();
  const std::byte* at = reader.rest().data();
  const std::byte* const end = at + reader.rest().size();
  std::size_t i = 0;
  for (; i + kStates <= symbols.size() && end - at >= static_cast<std::ptrdiff_t>(2 * kStates);
       i += kStates) {
    for (std::size_t k = 0; k < kStates; ++k) {
      const std::uint32_t found = slot(i + k, states[k]);
      symbols[i + k] = static_cast<std::byte>(found);
      states[k] = refilled(undo_step(found, states[k]), at);
    }
  }
  for (; i < symbols.size(); ++i) {
    std::uint32_t& state = states[i % kStates];
    const std::uint32_t found = slot(i, state);
    symbols[i] = static_cast<std::byte>(found);
    state = undo_step(found, state);
    if (state >= kLowest) continue;
    if (end - at < 2) throw wire::Malformed("a code ends too early");
    state = refilled(state, at);
  }
  if (at != end || std::any_of(states.begin(), states.end(), [](auto x) { return x != kLowest; }))
    throw wire::Malformed("a code does not end where its symbols do");
}

}  // namespace mgit::rans
