// Specs that name every tensor, written as a person would: what repeats from layer to layer once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// The text of a spec with explicit names, as graphs derive it, with lines that repeat as one line
/// with captures: `h.{i}.fc.weight: h.{i}.fc, _`. Bound to `network` the result equals what `text`
/// binds to, in the names of its groups too: it is bound to see that. The text itself where it is
/// not one of explicit names, does not fit the network, or would hardly be shorter.
std::string fold_spec(const std::string& text, const std::vector<TensorInfo>& network);

}  // namespace mgit
