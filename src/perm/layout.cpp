#include "perm/layout.h"

#include <utility>

namespace mgit::speclang {
namespace {

using Kind = BoundLayout::Kind;

bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return !__builtin_mul_overflow(a, b, &out);
}

bool add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return !__builtin_add_overflow(a, b, &out);
}

std::optional<Length> sum(Length a, const Length& b) {
  using Unknown = Length::Unknown;
  if (!add(a.constant, b.constant, a.constant)) return std::nullopt;
  if (b.unknown == Unknown::kNone) return a;
  if (a.unknown == Unknown::kNone) {
    a.unknown = b.unknown;
    a.group = b.group;
    a.factor = b.factor;
    return a;
  }
  if (a.unknown != Unknown::kGroup || b.unknown != Unknown::kGroup || a.group != b.group)
    a.unknown = Unknown::kSeveral;
  if (!add(a.factor, b.factor, a.factor)) return std::nullopt;
  return a;
}

std::optional<Length> product(Length a, Length b) {
  using Unknown = Length::Unknown;
  if (a.unknown == Unknown::kNone) std::swap(a, b);
  if (b.unknown != Unknown::kNone) {
    a.unknown = Unknown::kSeveral;
    return a;
  }
  if (!multiply(a.constant, b.constant, a.constant) || !multiply(a.factor, b.constant, a.factor))
    return std::nullopt;
  return a;
}

}  // namespace

std::uint32_t GroupSizes::add() {
  parents_.push_back(static_cast<std::uint32_t>(parents_.size()));
  sizes_.emplace_back();
  outers_.emplace_back();
  pinned_.push_back(false);
  return parents_.back();
}

std::uint32_t GroupSizes::root(std::uint32_t group) const {
  while (parents_[group] != group) {
    parents_[group] = parents_[parents_[group]];
    group = parents_[group];
  }
  return group;
}

void GroupSizes::unite(std::uint32_t group, std::uint32_t into) {
  group = root(group);
  into = root(into);
  if (group == into) return;
  if (!sizes_[into]) sizes_[into] = sizes_[group];
  pinned_[into] = pinned_[into] || pinned_[group];
  parents_[group] = into;
}

std::optional<std::uint32_t> GroupSizes::outer(std::uint32_t group) const {
  std::optional<std::uint32_t> found = outers_[root(group)];
  while (found && size(*found) == 1U) found = outers_[root(*found)];
  return found ? std::optional(root(*found)) : std::nullopt;
}

bool GroupSizes::well_founded(std::uint32_t group) const {
  std::size_t steps = 0;
  for (std::optional<std::uint32_t> at = group; at; at = outers_[root(*at)])
    if (++steps > parents_.size()) return false;
  return true;
}

std::optional<std::uint64_t> GroupSizes::members(std::uint32_t group) const {
  std::uint64_t count = 1;
  for (auto at = outer(group); at; at = outer(*at))
    if (!size(*at) || !multiply(count, *size(*at), count) || count > UINT32_MAX)
      return std::nullopt;
  return count;
}

std::optional<Length> measure(const BoundLayout& layout, const GroupSizes& groups) {
  using Unknown = Length::Unknown;
  Length result;
  switch (layout.kind) {
    case Kind::kFixed:
      if (layout.size) return Length{*layout.size, 0, Unknown::kNone, 0};
      return Length{0, 1, Unknown::kOpen, 0};
    case Kind::kGroup:
      if (const auto size = groups.size(layout.group)) return Length{*size, 0, Unknown::kNone, 0};
      return Length{0, 1, Unknown::kGroup, groups.root(layout.group)};
    case Kind::kRepeat: {
      const auto part = measure(layout.parts.front(), groups);
      return part ? product(*part, Length{layout.count, 0, Unknown::kNone, 0}) : std::nullopt;
    }
    case Kind::kSum:
    case Kind::kProduct: {
      std::optional<Length> all = Length{layout.kind == Kind::kProduct, 0, Unknown::kNone, 0};
      for (const BoundLayout& part : layout.parts) {
        const auto next = measure(part, groups);
        if (!next) return std::nullopt;
        all = layout.kind == Kind::kSum ? sum(*all, *next) : product(*all, *next);
        if (!all) return std::nullopt;
      }
      return all;
    }
  }
  return result;
}

void simplify(BoundLayout& layout) {
  for (BoundLayout& part : layout.parts) simplify(part);
  if (layout.kind == Kind::kRepeat && layout.parts.front().kind == Kind::kFixed &&
      !layout.parts.front().size) {
    layout = BoundLayout();
    return;
  }
  if (layout.kind != Kind::kSum && layout.kind != Kind::kProduct) return;
  std::vector<BoundLayout> joined;
  for (BoundLayout& part : layout.parts) {
    const bool fixed = part.kind == Kind::kFixed;
    if (fixed && !joined.empty() && joined.back().kind == Kind::kFixed) {
      auto& before = joined.back().size;
      std::uint64_t together = 0;
      const bool known = before && part.size &&
                         (layout.kind == Kind::kSum ? add(*before, *part.size, together)
                                                    : multiply(*before, *part.size, together));
      if (known || !before || !part.size) {
        before = known ? std::optional(together) : std::nullopt;
        continue;
      }
    }
    joined.push_back(std::move(part));
  }
  layout.parts = std::move(joined);
  if (layout.parts.size() == 1) {
    BoundLayout only = std::move(layout.parts.front());
    layout = std::move(only);
  }
}

void close_open(BoundLayout& layout, std::uint64_t size) {
  if (layout.kind == Kind::kFixed && !layout.size) layout.size = size;
  for (BoundLayout& part : layout.parts) close_open(part, size);
}

}  // namespace mgit::speclang
