#include "graph/derive_terms.h"

#include <algorithm>

namespace mgit::derivation {
namespace {

constexpr const char* kUncut = "a cut that its layout does not allow";

Length times(Length a, Length b) {
  std::uint64_t product = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &product)) return std::nullopt;
  return product;
}

Length plus(Length a, Length b) {
  std::uint64_t sum = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &sum)) return std::nullopt;
  return sum;
}

}  // namespace

Term Terms::add(Node node) {
  node.parent = static_cast<Term>(nodes_.size());
  nodes_.push_back(std::move(node));
  return nodes_.back().parent;
}

Term Terms::atom(Length size) {
  Node node;
  node.size = size;
  node.pinned = !size;
  node.cause = {node_, "its length is open"};
  return add(std::move(node));
}

Term Terms::fixed(Length size, const char* reason) {
  const Term term = atom(size);
  pin(term, reason);
  return term;
}

Term Terms::product(std::vector<Term> factors) {
  Node node;
  node.kind = Kind::kProduct;
  node.size = 1;
  for (const Term factor : factors) {
    if (is_unit(factor)) continue;
    node.parts.push_back(find(factor));
    node.size = times(node.size, size(factor));
  }
  if (node.parts.empty()) return unit();
  if (node.parts.size() == 1) return node.parts.front();
  return add(std::move(node));
}

Term Terms::sum(std::vector<Term> segments) {
  Node node;
  node.kind = Kind::kSum;
  node.size = 0;
  for (const Term segment : segments) {
    if (size(segment) == 0U) continue;
    node.parts.push_back(find(segment));
    node.size = plus(node.size, size(segment));
  }
  if (node.parts.empty()) return atom(0);
  if (node.parts.size() == 1) return node.parts.front();
  return add(std::move(node));
}

Term Terms::find(Term term) const {
  Term root = term;
  while (nodes_[root].parent != root) root = nodes_[root].parent;
  while (nodes_[term].parent != root) term = std::exchange(nodes_[term].parent, root);
  return root;
}

bool Terms::is_fixed(Term term) const {
  const Node& node = nodes_[find(term)];
  if (node.kind == Kind::kAtom) return node.pinned || node.size <= Length(1U);
  return std::all_of(node.parts.begin(), node.parts.end(),
                     [&](Term part) { return is_fixed(part); });
}

std::vector<Term> Terms::factors(Term term) const {
  term = find(term);
  const Node& node = nodes_[term];
  if (node.size == 1U) return {};
  if (node.kind != Kind::kProduct) return {term};
  std::vector<Term> all;
  for (const Term part : node.parts) {
    const std::vector<Term> inner = factors(part);
    all.insert(all.end(), inner.begin(), inner.end());
  }
  return all;
}

std::vector<Term> Terms::segments(Term term) {
  term = find(term);
  if (nodes_[term].kind == Kind::kProduct) {
    std::vector<Term> parts = factors(term);
    const std::vector<Term> slow = segments(parts.front());
    if (slow.size() < 2) return {term};
    std::vector<Term> distributed;
    for (const Term segment : slow) {
      parts.front() = segment;
      distributed.push_back(product(parts));
    }
    nodes_[term].kind = Kind::kSum;
    nodes_[term].parts = std::move(distributed);
  }
  if (nodes_[term].kind == Kind::kAtom) return {term};
  std::vector<Term> all;
  const std::vector<Term> parts = nodes_[term].parts;
  for (const Term part : parts) {
    const std::vector<Term> inner = segments(part);
    all.insert(all.end(), inner.begin(), inner.end());
  }
  return all;
}

std::vector<Term> Terms::atoms(Term term) {
  std::vector<Term> all;
  for (const Term segment : segments(term))
    for (const Term factor : factors(segment)) {
      if (is_atom(factor)) {
        all.push_back(factor);
      } else {
        const std::vector<Term> inner = atoms(factor);
        all.insert(all.end(), inner.begin(), inner.end());
      }
    }
  return all;
}

void Terms::pin(Term term, const char* reason) {
  Node& node = nodes_[find(term)];
  if (node.kind == Kind::kAtom) {
    if (!node.pinned) node.cause = {node_, reason};
    node.pinned = true;
    return;
  }
  const std::vector<Term> parts = node.parts;
  for (const Term part : parts) pin(part, reason);
}

Term Terms::part_of(Term atom, std::uint64_t size) {
  const Node& whole = nodes_[atom];
  Node node;
  node.size = size;
  node.pinned = whole.pinned;
  node.cause = whole.cause;
  return add(std::move(node));
}

std::optional<std::pair<Term, Term>> Terms::split_right(Term term, std::uint64_t right) {
  term = find(term);
  const Length whole = size(term);
  if (right == 1) return std::pair(term, unit());
  if (whole == right) return std::pair(unit(), term);
  if (!whole || right == 0 || *whole % right != 0) return std::nullopt;
  if (nodes_[term].kind == Kind::kAtom) {
    const Term a = part_of(term, *whole / right);
    const Term b = part_of(term, right);
    nodes_[term].kind = Kind::kProduct;
    nodes_[term].parts = {a, b};
    return std::pair(a, b);
  }
  if (const std::vector<Term> parts = segments(term); parts.size() > 1) {
    std::vector<Term> lefts;
    std::optional<Term> common;
    for (const Term part : parts)
      if (*size(part) % right != 0) return std::nullopt;
    for (const Term part : parts) {
      const auto split = split_right(part, right);
      if (!split) return std::nullopt;
      lefts.push_back(split->first);
      if (common) unify(*common, split->second);
      common = split->second;
    }
    return std::pair(sum(std::move(lefts)), *common);
  }
  std::vector<Term> left = factors(term);
  std::vector<Term> taken;
  for (std::uint64_t open = right; open > 1;) {
    const Term last = left.back();
    const std::uint64_t length = *size(last);
    left.pop_back();
    if (open % length == 0) {
      taken.push_back(last);
      open /= length;
      continue;
    }
    const auto split = length % open == 0 ? split_right(last, open) : std::nullopt;
    if (!split) return std::nullopt;
    left.push_back(split->first);
    taken.push_back(split->second);
    open = 1;
  }
  std::reverse(taken.begin(), taken.end());
  return std::pair(product(std::move(left)), product(std::move(taken)));
}

std::optional<std::pair<Term, Term>> Terms::cut(Term term, std::uint64_t first) {
  term = find(term);
  const Length whole = size(term);
  if (!whole || first > *whole) return std::nullopt;
  if (first == 0) return std::pair(atom(0), term);
  if (first == *whole) return std::pair(term, atom(0));
  if (nodes_[term].kind == Kind::kAtom) {
    const Term a = part_of(term, first);
    const Term b = part_of(term, *whole - first);
    nodes_[term].kind = Kind::kSum;
    nodes_[term].parts = {a, b};
    return std::pair(a, b);
  }
  const std::vector<Term> parts = segments(term);
  if (parts.size() == 1) {
    std::vector<Term> list = factors(term);
    const std::uint64_t inner = *whole / *size(list.front());
    if (first % inner != 0) return std::nullopt;
    const auto pieces = cut(list.front(), first / inner);
    if (!pieces) return std::nullopt;
    std::vector<Term> rest = list;
    list.front() = pieces->first;
    rest.front() = pieces->second;
    return std::pair(product(std::move(list)), product(std::move(rest)));
  }
  std::vector<Term> before;
  std::vector<Term> after;
  std::uint64_t at = 0;
  for (const Term part : parts) {
    const std::uint64_t length = *size(part);
    if (at + length <= first) {
      before.push_back(part);
    } else if (at >= first) {
      after.push_back(part);
    } else {
      const auto pieces = cut(part, first - at);
      if (!pieces) return std::nullopt;
      before.push_back(pieces->first);
      after.push_back(pieces->second);
    }
    at += length;
  }
  return std::pair(sum(std::move(before)), sum(std::move(after)));
}

Term Terms::slice(Term term, std::uint64_t begin, std::uint64_t end) {
  if (size(term) && begin == 0 && end == *size(term)) return find(term);
  if (is_fixed(term)) {
    const std::vector<Term> inside = atoms(term);
    const Term part = fixed(end - begin, kUncut);
    if (!inside.empty()) nodes_[part].cause = cause(inside.front());
    return part;
  }
  const auto head = cut(term, end);
  const auto tail = head ? cut(head->first, begin) : std::nullopt;
  if (tail) return tail->second;
  pin(term, kUncut);
  return fixed(end - begin, kUncut);
}

void Terms::unify(Term a, Term b, const char* reason) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  if (is_fixed(a) || is_fixed(b)) {
    // What is fixed stays one term with its counterpart: families may stand in either.
    const char* why = reason_of(is_fixed(a) ? a : b, reason);
    const Term other = is_fixed(a) ? b : a;
    if (size(a) && size(a) == size(b)) join(a, b, reason);
    pin(other, why);
    return;
  }
  if (size(a) == size(b)) return join(a, b, reason);
  pin(a, reason);
  pin(b, reason);
}

/// Why a term cannot move; `reason` if it has nothing but units that are cut apart.
const char* Terms::reason_of(Term fixed_term, const char* reason) {
  for (const Term inside : atoms(fixed_term))
    if (const char* why = nodes_[inside].cause.reason; why != nullptr && nodes_[inside].pinned)
      return why;
  return reason;
}

/// Of two terms of one length, which may be fixed both, or one of them.
void Terms::join(Term a, Term b, const char* reason) {
  if (is_atom(a) || is_atom(b)) {
    const Term atom = is_atom(a) ? a : b;
    const Term other = is_atom(a) ? b : a;
    if (is_fixed(atom)) {
      pin(other, reason_of(atom, reason));
    } else if (is_fixed(other)) {
      pin(atom, reason_of(other, reason));
    }
    // The borders of a fixed sum are of no use to an atom.
    const bool keep_atom = is_fixed(other) && nodes_[other].kind == Kind::kSum;
    nodes_[keep_atom ? other : atom].parent = keep_atom ? atom : other;
  } else if (segments(a).size() == 1 && segments(b).size() == 1) {
    // From the right: a product is cut at its inner end.
    unify_parts(a, b, factors(a), factors(b), &Terms::split_right, reason);
  } else {
    std::vector<Term> left = segments(a);
    std::vector<Term> right = segments(b);
    std::reverse(left.begin(), left.end());
    std::reverse(right.begin(), right.end());
    unify_parts(a, b, std::move(left), std::move(right), &Terms::cut_first, reason);
  }
}

void Terms::unify_parts(Term a, Term b, std::vector<Term> left, std::vector<Term> right,
                        const Splitter split, const char* reason) {
  while (!left.empty() && !right.empty()) {
    Term x = left.back();
    Term y = right.back();
    if (!size(x) || !size(y)) break;
    if (size(x) == size(y)) {
      left.pop_back();
      right.pop_back();
      unify(x, y, reason);
      continue;
    }
    std::vector<Term>& longer = *size(x) > *size(y) ? left : right;
    if (*size(x) < *size(y)) std::swap(x, y);
    const auto pieces = (this->*split)(x, *size(y));
    if (!pieces) {
      pin(a, reason);
      pin(b, reason);
      return;
    }
    longer.back() = pieces->first;
    longer.push_back(pieces->second);
  }
  pin_rest(left, right, reason);
}

std::optional<std::pair<Term, Term>> Terms::cut_first(Term term, std::uint64_t first) {
  const auto pieces = cut(term, first);
  if (!pieces) return std::nullopt;
  return std::pair(pieces->second, pieces->first);
}

/// What an open length left without its counterpart.
void Terms::pin_rest(const std::vector<Term>& a, const std::vector<Term>& b, const char* reason) {
  for (const Term term : a) pin(term, reason);
  for (const Term term : b) pin(term, reason);
}

}  // namespace mgit::derivation
