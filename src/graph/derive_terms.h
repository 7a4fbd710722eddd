// Layout terms: what stands along an axis, as products and sums of atoms that can be refined.
//
// An atom is a set of positions that one permutation reorders. Where two axes must be reordered
// alike their terms are unified; where an operator cuts or reshapes an axis an atom becomes a sum
// or a product of smaller ones, everywhere it stands. Each of these steps only takes reorderings
// away, so a mistake of judgement here costs freedom, never correctness.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace mgit::derivation {

/// The number of a term.
using Term = std::uint32_t;
/// A length; nullopt if the graph leaves it open.
using Length = std::optional<std::uint64_t>;

/// Why an atom may not move: the operator (its number in the graph), and in words.
struct Cause {
  std::uint32_t node = 0;
  const char* reason = nullptr;
};

/// Every term of one derivation. Grows only; terms are never freed before it. Not for several
/// threads.
class Terms {
 public:
  /// What pins from now on are put down to.
  void set_node(std::uint32_t node) { node_ = node; }

  /// A fresh atom. One of open length cannot move.
  Term atom(Length size);
  Term fixed(Length size, const char* reason);
  Term unit() { return atom(1); }
  Term product(std::vector<Term> factors);
  Term sum(std::vector<Term> segments);

  Term find(Term term) const;
  Length size(Term term) const { return nodes_[find(term)].size; }
  bool is_unit(Term term) const { return size(term) == 1U; }
  bool is_atom(Term term) const { return nodes_[find(term)].kind == Kind::kAtom; }
  /// Whether nothing in it can move.
  bool is_fixed(Term term) const;
  /// Of an atom that cannot move.
  Cause cause(Term atom) const { return nodes_[find(atom)].cause; }

  /// What it is a product of, the slowest first; itself if it is none; nothing if it is one unit.
  std::vector<Term> factors(Term term) const;
  /// What it is a sum of; a product whose slowest factor is a sum is one.
  std::vector<Term> segments(Term term);
  /// The atoms in it, in the order of the axis.
  std::vector<Term> atoms(Term term);

  /// From here on nothing in it moves.
  void pin(Term term, const char* reason);
  /// From here on both are reordered alike. Terms that have no common refinement are pinned.
  void unify(Term a, Term b, const char* reason = "lengths that do not fit each other");
  /// The positions from begin to end; pinned if the term cannot be cut there.
  Term slice(Term term, std::uint64_t begin, std::uint64_t end);
  /// The term as left * right with |right| = size; nullopt if it has no such form.
  std::optional<std::pair<Term, Term>> split_right(Term term, std::uint64_t size);
  /// The term as first + second with |first| = size; nullopt if it has no such form.
  std::optional<std::pair<Term, Term>> cut(Term term, std::uint64_t size);

 private:
  enum class Kind : std::uint8_t { kAtom, kProduct, kSum };
  struct Node {
    Kind kind = Kind::kAtom;
    Term parent = 0;
    Length size;
    bool pinned = false;  // an atom
    Cause cause;
    std::vector<Term> parts;
  };

  Term add(Node node);
  Term part_of(Term atom, std::uint64_t size);
  const char* reason_of(Term fixed_term, const char* reason);
  void join(Term a, Term b, const char* reason);
  /// A term as what stays of it and what is split off, of the given size.
  using Splitter = std::optional<std::pair<Term, Term>> (Terms::*)(Term term, std::uint64_t size);
  std::optional<std::pair<Term, Term>> cut_first(Term term, std::uint64_t size);
  /// Unifies the parts of a and b, the last ones first.
  void unify_parts(Term a, Term b, std::vector<Term> left, std::vector<Term> right, Splitter split,
                   const char* reason);
  void pin_rest(const std::vector<Term>& a, const std::vector<Term>& b, const char* reason);

  mutable std::vector<Node> nodes_;
  std::uint32_t node_ = 0;
};

}  // namespace mgit::derivation
