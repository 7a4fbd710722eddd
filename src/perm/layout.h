// Layout expressions over numbered groups: their lengths, and the places their groups take.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "mgit/perm.h"

namespace mgit::speclang {

/// A layout whose groups are known by number. `_` without a size has none until solved.
struct BoundLayout {
  enum class Kind : std::uint8_t { kFixed, kGroup, kSum, kProduct, kRepeat };
  Kind kind = Kind::kFixed;
  std::optional<std::uint64_t> size;  // kFixed
  std::uint64_t count = 1;            // kRepeat
  std::uint32_t group = 0;            // kGroup
  std::vector<BoundLayout> parts;
};

/// Sizes of groups as far as they are known, and which groups are one (union-find).
class GroupSizes {
 public:
  std::uint32_t add();
  std::uint32_t root(std::uint32_t group) const;
  void unite(std::uint32_t group, std::uint32_t into);
  std::optional<std::uint64_t> size(std::uint32_t group) const { return sizes_[root(group)]; }
  void set_size(std::uint32_t group, std::uint64_t size) { sizes_[root(group)] = size; }
  /// A family: the group stands once in each unit of `outer`.
  void set_outer(std::uint32_t group, std::uint32_t outer) { outers_[root(group)] = outer; }
  /// The group of more than one unit that this one is a family of.
  std::optional<std::uint32_t> outer(std::uint32_t group) const;
  /// False if a group would stand in itself.
  bool well_founded(std::uint32_t group) const;
  /// The units of all outer groups, multiplied; nullopt if one is not known or they are too many.
  std::optional<std::uint64_t> members(std::uint32_t group) const;
  void pin(std::uint32_t group) { pinned_[root(group)] = true; }
  bool pinned(std::uint32_t group) const { return pinned_[root(group)]; }
  std::size_t count() const { return parents_.size(); }

 private:
  mutable std::vector<std::uint32_t> parents_;
  std::vector<std::optional<std::uint64_t>> sizes_;
  std::vector<std::optional<std::uint32_t>> outers_;
  std::vector<bool> pinned_;
};

/// Length of a layout as factor * unknown + constant.
struct Length {
  enum class Unknown : std::uint8_t { kNone, kGroup, kOpen, kSeveral };
  std::uint64_t constant = 0;
  std::uint64_t factor = 0;
  Unknown unknown = Unknown::kNone;
  std::uint32_t group = 0;  // kGroup
};

/// nullopt if a number does not fit 64 bits.
std::optional<Length> measure(const BoundLayout& layout, const GroupSizes& groups);

/// Joins fixed neighbours, so that `_*_` is as clear as `_`.
void simplify(BoundLayout& layout);
/// Gives the one open `_` of a layout its size.
void close_open(BoundLayout& layout, std::uint64_t size);

/// A family that stands outside of its outer group.
struct Stray {
  std::uint32_t group = 0;
};
struct TooManyPlaces {};
using Places = std::variant<std::vector<Occurrence>, Stray, TooManyPlaces>;

/// The places of the groups that can move (pinned ones and those of one unit cannot) or have
/// families, in canonical order and form: layouts that mean the same by distributing, regrouping or
/// repeating give the same places. `group` is the root's number. `with_families`: by root, whether
/// some group is a family of it. All sizes must be known.
Places places(const BoundLayout& layout, const GroupSizes& groups,
              const std::vector<bool>& with_families);

}  // namespace mgit::speclang
