// Symbols coded given a context that both sides know, a byte for each symbol: how a number changed,
// given the exponent it had.
//
// Contexts are magnitudes, so neighbouring ones behave alike: intervals of them are one class with
// one distribution, which stands before the code (coding/rans.h).
#pragma once

#include "mgit/base.h"

namespace mgit {

/// Appends the code of `symbols`, of which there is one for each context, and at least one.
void encode_given(Bytes contexts, Bytes symbols, Buffer& out);
/// Throws wire::Malformed unless `code` is that of as many symbols as there are contexts.
void decode_given(Bytes contexts, Bytes code, std::span<std::byte> symbols);

}  // namespace mgit
