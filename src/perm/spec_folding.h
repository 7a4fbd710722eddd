// Lines of a spec that differ in numbers alone, as one line with captures.
#pragma once

#include <optional>
#include <string>

namespace mgit::speclang {

/// Folds a text of explicit names. Of the tensors that it names, every one keeps its layout: where
/// lines could be told apart by order alone, exceptions come first. nullopt: the text has something
/// in it that only a person writes.
std::optional<std::string> folded_text(const std::string& text);

}  // namespace mgit::speclang
