// A layout in canonical form, and from it the places of its groups.
//
//   Node := Item + Item + …                    neighbours that could be one item are one
//   Item := fixed, n long  |  n x GROUP * Node
//
// Sums on the left of a product are distributed, products regrouped to the right, repeats pulled
// to the group they repeat; what cannot move counts as fixed, unless families stand in it.
#include <algorithm>

#include "perm/layout.h"

namespace mgit::speclang {
namespace {

constexpr std::size_t kMaxItems = 1 << 16;

struct Item;
using Node = std::vector<Item>;

struct Item {
  std::uint64_t count = 0;             // of repeats; the length if fixed
  std::optional<std::uint32_t> group;  // nullopt: fixed
  Node inner;                          // what each unit holds
  bool operator==(const Item&) const = default;
};

std::size_t weight(const Node& node) {
  std::size_t items = 0;
  for (const Item& item : node) items += 1 + weight(item.inner);
  return items;
}

class Canonical {
 public:
  Canonical(const GroupSizes& groups, const std::vector<bool>& with_families)
      : groups_(groups), with_families_(with_families) {}

  Node make(const BoundLayout& layout) {
    using Kind = BoundLayout::Kind;
    Node result;
    switch (layout.kind) {
      case Kind::kFixed:
        return fixed(*layout.size);
      case Kind::kGroup:
        return group(layout.group);
      case Kind::kRepeat:
        return repeat(layout.count, make(layout.parts.front()));
      case Kind::kSum:
        for (const BoundLayout& part : layout.parts) append(result, make(part));
        return result;
      case Kind::kProduct:
        result = fixed(1);
        for (const BoundLayout& part : layout.parts) result = product(result, make(part));
        return result;
    }
    return result;
  }

  std::vector<Occurrence> all_places(const Node& node) {
    place(node, 0, 1, {});
    std::sort(places_.begin(), places_.end(), [](const Occurrence& a, const Occurrence& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.inner > b.inner;
    });
    return std::move(places_);
  }

 private:
  static Node fixed(std::uint64_t length) {
    return length == 0 ? Node() : Node{Item{length, std::nullopt, {}}};
  }

  Node group(std::uint32_t number) const {
    const std::uint64_t size = *groups_.size(number);
    if (size == 1) return fixed(size);
    if (groups_.pinned(number) && !with_families_[groups_.root(number)]) return fixed(size);
    return {Item{1, groups_.root(number), fixed(1)}};
  }

  void append(Node& node, const Node& more) {
    for (const Item& item : more) {
      if (!node.empty() && node.back().group == item.group && node.back().inner == item.inner) {
        node.back().count += item.count;
      } else {
        node.push_back(item);
      }
    }
    // Every step appends to at most one node, so this bounds time as well as memory.
    work_ += weight(more);
    if (work_ > 16 * kMaxItems || node.size() > kMaxItems) throw TooManyPlaces();
  }

  Node repeat(std::uint64_t count, const Node& node) {
    if (node.size() == 1) {
      Node result = node;
      result.front().count *= count;
      return result;
    }
    if (count > kMaxItems) throw TooManyPlaces();
    Node result;
    for (std::uint64_t i = 0; i < count; ++i) append(result, node);
    return result;
  }

  Node product(const Node& left, const Node& right) {
    Node result;
    for (const Item& item : left)
      append(result, item.group ? Node{Item{item.count, item.group, product(item.inner, right)}}
                                : repeat(item.count, right));
    return result;
  }

  /// A group around what is being placed: at copy o stands its unit (first + o / step) mod units,
  /// counted through all of its members; not if that has no such form.
  struct Enclosing {
    std::uint32_t group = 0;
    std::uint64_t units = 1;
    std::uint64_t first = 0;
    std::uint64_t step = 1;
    bool known = true;
  };
  using Around = std::vector<Enclosing>;

  static void slow_down(Around& around, std::uint64_t by) {
    for (Enclosing& enclosing : around) enclosing.step *= by;
  }

  /// The places of a node that is repeated `copies` times from `offset` on.
  void place(const Node& node, std::uint64_t offset, std::uint64_t copies, const Around& around) {
    if (node.size() == 1) return place(node.front(), offset, copies, around);
    for (std::uint64_t copy = 0; copy < copies; ++copy) {
      Around here = around;
      for (Enclosing& enclosing : here) {
        enclosing.first += copy / enclosing.step;
        enclosing.step = 1;
      }
      for (const Item& item : node) {
        place(item, offset, 1, here);
        offset += length(item);
      }
    }
  }

  void place(const Item& item, std::uint64_t offset, std::uint64_t copies, Around around) {
    if (!item.group) return;
    if (places_.size() == kMaxItems) throw TooManyPlaces();
    slow_down(around, item.count);
    const std::uint64_t outer = copies * item.count;
    const std::uint64_t size = *groups_.size(*item.group);
    Occurrence place{*item.group, offset, outer, length(item.inner)};
    Enclosing itself{*item.group, size};
    if (const auto family_of = groups_.outer(*item.group)) {
      const Enclosing& enclosing = find(around, *family_of, *item.group);
      place.first = enclosing.first % enclosing.units;
      place.step = std::min(enclosing.step, outer);
      itself.units = enclosing.units * size;
      itself.first = place.first * size;
      itself.known = place.step == 1;
    }
    places_.push_back(place);
    const bool leaf = item.inner.size() == 1 && !item.inner.front().group;
    if (leaf) return;
    slow_down(around, size);
    around.push_back(itself);
    this->place(item.inner, offset, outer * size, around);
  }

  static const Enclosing& find(const Around& around, std::uint32_t outer, std::uint32_t family) {
    for (std::size_t i = around.size(); i-- > 0;)
      if (around[i].group == outer && around[i].known) return around[i];
    throw Stray{family};
  }

  std::uint64_t length(const Item& item) const {
    return item.group ? item.count * *groups_.size(*item.group) * length(item.inner) : item.count;
  }
  std::uint64_t length(const Node& node) const {
    std::uint64_t sum = 0;
    for (const Item& item : node) sum += length(item);
    return sum;
  }

  const GroupSizes& groups_;
  const std::vector<bool>& with_families_;
  std::vector<Occurrence> places_;
  std::size_t work_ = 0;
};

}  // namespace

Places places(const BoundLayout& layout, const GroupSizes& groups,
              const std::vector<bool>& with_families) {
  try {
    Canonical canonical(groups, with_families);
    return canonical.all_places(canonical.make(layout));
  } catch (const TooManyPlaces& too_many) {
    return too_many;
  } catch (const Stray& stray) {
    return stray;
  }
}

}  // namespace mgit::speclang
