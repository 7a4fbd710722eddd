// Operators whose result may share memory with an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mgit {

/// How a value lies in the memory of the one it was made from.
enum class Relation : std::uint8_t {
  kSame,       // all of it, in this shape
  kReshaped,   // all of it, in another shape, rows in order
  kTurned,     // all of it, and the operator is its own inverse
  kPermuted,   // all of it, axes in another order
  kSelected,   // the place that an index along an axis says
  kSliced,     // a range along an axis
  kPart,       // some of it: can be made again, not written through
  kUncertain,  // it, or a copy
};

/// nullopt: its results are tensors of their own.
std::optional<Relation> relation_of(std::string_view op);

}  // namespace mgit
