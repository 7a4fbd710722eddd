// Whether a file is a checkpoint at all.
#pragma once

#include <string_view>

#include "mgit/base.h"

namespace mgit {

/// What parse_checkpoint would find tensors in, or refuse; without looking at all of the file.
bool holds_tensors(Bytes file, std::string_view path);

}  // namespace mgit
