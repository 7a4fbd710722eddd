// Whether a file is a checkpoint at all, and whether it is all of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"

namespace mgit {

/// What parse_checkpoint would find tensors in, or refuse; without looking at all of the file.
bool holds_tensors(Bytes file, std::string_view path);

/// Other files that hold tensors of this one, by its own word: paths relative to its folder,
/// unchecked (ONNX with external data).
std::vector<std::string> external_files(Bytes file);

}  // namespace mgit
