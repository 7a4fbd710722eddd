// Range asymmetric numeral systems (rANS): an entropy coder that spends the fractions of bits that
// a Huffman code rounds up, with a table look-up and a multiplication for each symbol.
//
// Every symbol comes with a context, a byte that both sides know; contexts have classes, and every
// class its own distribution. Four states take turns, so that a processor works on four symbols at
// once. Jarek Duda,
// arXiv:1311.2540; Fabian Giesen, arXiv:1402.3392. docs/formats.md has the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/wire.h"
#include "mgit/base.h"

namespace mgit::rans {

constexpr unsigned kPrecision = 11;
constexpr std::uint32_t kTotal = 1U << kPrecision;

using Counts = std::array<std::uint32_t, 256>;
/// How often each symbol is expected among kTotal: they add up to that.
using Frequencies = std::array<std::uint16_t, 256>;

/// Every symbol that occurs gets a frequency; one does.
Frequencies frequencies_of(const Counts& counts);
void put_frequencies(const Frequencies& frequencies, Buffer& out);
/// Throws wire::Malformed unless they add up.
Frequencies take_frequencies(wire::Reader& reader);

/// A distribution for each class, and the class of each context.
struct Model {
  std::vector<Frequencies> distributions;
  std::array<std::uint8_t, 256> class_of{};
};

/// Appends the code of `symbols`, each of which occurs in the class of its context.
void encode(Bytes contexts, Bytes symbols, const Model& model, Buffer& out);
/// All of `code`, whoever wrote it, as a symbol for each context. Throws wire::Malformed if there
/// are more or fewer.
void decode(Bytes contexts, Bytes code, const Model& model, std::span<std::byte> symbols);

}  // namespace mgit::rans
