// What a checkpoint file says beside the elements of its tensors: their order, and plain values
// like the epoch of a training state.
//
// Only what lies outside storages is looked at, so a file may be handed in that has zeros there
// (base/zero_pages.h). Pure functions of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"

namespace mgit {

struct OutlineTensor {
  std::string name;         // as in the manifest
  std::uint64_t place = 0;  // where it begins in the file; 0 for one without elements
};

/// Beside tensors: `name` is a path, as tensors' names are.
struct OutlineScalar {
  std::string name;
  std::string value;  // for people: 3, 0.001, True, None, text as it is
};

struct Outline {
  std::vector<OutlineTensor> tensors;  // in the order in which they were saved
  std::vector<OutlineScalar> scalars;  // likewise; not more than a hundred thousand
};

/// `format` is the manifest's. nullopt for formats that say nothing of the kind (all but PyTorch's
/// and safetensors), and for files that are damaged.
std::optional<Outline> outline_of(Bytes file, std::string_view format);

}  // namespace mgit
