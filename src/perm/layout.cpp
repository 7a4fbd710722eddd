#include "perm/layout.h"

#include <algorithm>
#include <tuple>

namespace mgit::speclang {
namespace {

using Kind = BoundLayout::Kind;

constexpr std::size_t kMaxPlaces = 1 << 16;

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

struct Placed {
  std::vector<Occurrence> places;
  std::uint64_t length = 0;
};

std::uint64_t known_size(const Occurrence& place, const GroupSizes& groups) {
  return *groups.size(place.group);
}

/// `count` copies of a layout one after another.
bool repeat(Placed& placed, std::uint64_t count, const GroupSizes& groups) {
  std::vector<Occurrence> result;
  for (Occurrence place : placed.places) {
    const bool whole = place.outer * known_size(place, groups) * place.inner == placed.length;
    if (whole) {
      place.outer *= count;
      result.push_back(place);
      continue;
    }
    if (count > kMaxPlaces || result.size() + count > kMaxPlaces) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      result.push_back(place);
      place.offset += placed.length;
    }
  }
  placed.places = std::move(result);
  placed.length *= count;
  return true;
}

std::optional<Placed> place(const BoundLayout& layout, const GroupSizes& groups) {
  Placed result;
  switch (layout.kind) {
    case Kind::kFixed:
      result.length = *layout.size;
      return result;
    case Kind::kGroup:
      result.length = *groups.size(layout.group);
      if (!groups.pinned(layout.group)) result.places.push_back({groups.root(layout.group)});
      return result;
    case Kind::kRepeat: {
      auto part = place(layout.parts.front(), groups);
      if (!part || !repeat(*part, layout.count, groups)) return std::nullopt;
      return part;
    }
    case Kind::kSum:
      for (const BoundLayout& part : layout.parts) {
        const auto placed = place(part, groups);
        if (!placed || result.places.size() + placed->places.size() > kMaxPlaces)
          return std::nullopt;
        for (Occurrence shifted : placed->places) {
          shifted.offset += result.length;
          result.places.push_back(shifted);
        }
        result.length += placed->length;
      }
      return result;
    case Kind::kProduct:
      result.length = 1;
      for (const BoundLayout& part : layout.parts) {
        auto right = place(part, groups);
        if (!right) return std::nullopt;
        for (Occurrence& left : result.places) {
          left.offset *= right->length;
          left.inner *= right->length;
        }
        if (!repeat(*right, result.length, groups)) return std::nullopt;
        result.places.insert(result.places.end(), right->places.begin(), right->places.end());
        if (result.places.size() > kMaxPlaces) return std::nullopt;
        result.length = right->length;
      }
      return result;
  }
  return result;
}

}  // namespace

std::uint32_t GroupSizes::add() {
  parents_.push_back(static_cast<std::uint32_t>(parents_.size()));
  sizes_.emplace_back();
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

std::optional<std::vector<Occurrence>> places(const BoundLayout& layout, const GroupSizes& groups) {
  auto placed = place(layout, groups);
  if (!placed) return std::nullopt;
  return std::move(placed->places);
}

void normalise(std::vector<Occurrence>& occurrences, const std::vector<std::uint64_t>& sizes) {
  std::sort(occurrences.begin(), occurrences.end(), [](const Occurrence& a, const Occurrence& b) {
    return std::tie(a.group, a.inner, a.offset, a.outer) <
           std::tie(b.group, b.inner, b.offset, b.outer);
  });
  std::vector<Occurrence> joined;
  for (const Occurrence& place : occurrences) {
    if (!joined.empty()) {
      Occurrence& before = joined.back();
      if (before.group == place.group && before.inner == place.inner &&
          before.offset + before.outer * sizes[before.group] * before.inner == place.offset) {
        before.outer += place.outer;
        continue;
      }
    }
    joined.push_back(place);
  }
  std::sort(joined.begin(), joined.end(), [](const Occurrence& a, const Occurrence& b) {
    return std::tie(a.offset, b.inner, a.group, a.outer) <
           std::tie(b.offset, a.inner, b.group, b.outer);
  });
  occurrences = std::move(joined);
}

}  // namespace mgit::speclang
