// The difference between two arrays of words, as one symbol and some bits for each word.
//
// A word of 2, 4 or 8 bytes is read as a float: sign and magnitude. Turned into an ordered integer
// (-0 comes just before 0), neighbouring floats are one apart, so a small change is a small
// difference whatever the exponent. The difference, zigzag, is cut into a *symbol*, its bit length
// and leading bits, which an entropy coder is good at, and the *rest*, the bits below, which are
// noise. Words of 1 byte have no rest. docs/formats.md has the bits.
#pragma once

#include "mgit/base.h"

namespace mgit {

/// Words that have a difference of their own: 1, 2, 4 or 8 bytes.
unsigned difference_word(unsigned element_size);

/// `symbols` gets one byte for each word; the rest is appended to `rest`. All sizes fit.
void take_difference(Bytes words, Bytes base, unsigned word, std::span<std::byte> symbols,
                     Buffer& rest);
/// The inverse. Throws wire::Malformed if `symbols` and `rest` cannot belong together.
void apply_difference(Bytes base, unsigned word, Bytes symbols, Bytes rest,
                      std::span<std::byte> words);

/// What is known of the size of a difference before it is: the eight bits below the sign of each
/// word of the base, of a float its exponent and what of its mantissa fits. One byte each.
void take_contexts(Bytes base, unsigned word, std::span<std::byte> contexts);

}  // namespace mgit
