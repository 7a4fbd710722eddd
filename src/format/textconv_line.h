// What git sees of a checkpoint where it asks for text (git diff, git blame): a line per tensor.
//
//   fc1.weight F32 16,8 0123456789ab norm 1.234
//   bytes 4096 0123456789ab
//   value epoch 3
#pragma once

#include <string>
#include <string_view>

#include "format/outline.h"
#include "mgit/format.h"

namespace mgit {

/// `norm` is a number, or "-" where there is none.
std::string textconv_line(const TensorInfo& info, const Digest& object, std::string_view norm);
/// Bytes that belong to no tensor.
std::string textconv_line(std::uint64_t length, const Digest& digest);
/// A value that is no tensor.
std::string textconv_line(const OutlineScalar& scalar);
/// Content that is no checkpoint, or a damaged one: why, and what tells it from another.
std::string textconv_lines_of_unreadable(std::string_view why, std::uint64_t length,
                                         const Digest& digest);

/// Whether a text consists of such lines and of nothing else; there is at least one. git blame
/// hands the clean filter what textconv said.
bool is_textconv(std::string_view text);

}  // namespace mgit
