// A layout in canonical form, and from it the places of its groups.
//
//   Node := Item + Item + …                    neighbours that could be one item are one
//   Item := fixed, n long  |  n x GROUP * Node
//
// Sums on the left of a product are distributed, products regrouped to the right, repeats pulled
// to the group they repeat; what cannot move counts as fixed.
#include <algorithm>

#include "perm/layout.h"

namespace mgit::speclang {
namespace {

constexpr std::size_t kMaxItems = 1 << 16;

struct TooMany {};

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
  explicit Canonical(const GroupSizes& groups) : groups_(groups) {}

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

  /// The places of a node that is repeated `copies` times from `offset` on.
  void place(const Node& node, std::uint64_t offset, std::uint64_t copies,
             std::vector<Occurrence>& out) const {
    if (node.size() == 1) return place(node.front(), offset, copies, out);
    for (std::uint64_t copy = 0; copy < copies; ++copy)
      for (const Item& item : node) {
        place(item, offset, 1, out);
        offset += length(item);
      }
  }

 private:
  static Node fixed(std::uint64_t length) {
    return length == 0 ? Node() : Node{Item{length, std::nullopt, {}}};
  }

  Node group(std::uint32_t number) const {
    const std::uint64_t size = *groups_.size(number);
    if (size == 1 || groups_.pinned(number)) return fixed(size);
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
    if (work_ > 16 * kMaxItems || node.size() > kMaxItems) throw TooMany();
  }

  Node repeat(std::uint64_t count, const Node& node) {
    if (node.size() == 1) {
      Node result = node;
      result.front().count *= count;
      return result;
    }
    if (count > kMaxItems) throw TooMany();
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

  void place(const Item& item, std::uint64_t offset, std::uint64_t copies,
             std::vector<Occurrence>& out) const {
    if (!item.group) return;
    if (out.size() == kMaxItems) throw TooMany();
    out.push_back({*item.group, offset, copies * item.count, length(item.inner)});
    const bool leaf = item.inner.size() == 1 && !item.inner.front().group;
    if (!leaf) place(item.inner, offset, copies * item.count * *groups_.size(*item.group), out);
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
  std::size_t work_ = 0;
};

}  // namespace

std::optional<std::vector<Occurrence>> places(const BoundLayout& layout, const GroupSizes& groups) {
  try {
    Canonical canonical(groups);
    std::vector<Occurrence> result;
    canonical.place(canonical.make(layout), 0, 1, result);
    std::sort(result.begin(), result.end(), [](const Occurrence& a, const Occurrence& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.inner > b.inner;
    });
    return result;
  } catch (const TooMany&) {
    return std::nullopt;
  }
}

}  // namespace mgit::speclang
