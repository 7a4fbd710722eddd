// Similarities of units, kept up to date while groups move.
//
// The objective is linear in one group's permutation when the others are fixed: S = sum of terms,
// one per place where the group stands. A term depends on the groups on the other axes of its
// tensor; when some of their units moved, what the columns they touch give is added and taken away.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "match/problem.h"
#include "match/unfolding.h"

namespace mgit {

/// Where the units are. Groups count their changes.
class Positions {
 public:
  /// Everything in its place.
  explicit Positions(const std::vector<Group>& groups);

  const Permutation& permutation() const { return permutation_; }
  const Gather& at(std::size_t group) const { return permutation_.groups[group]; }
  std::uint64_t version(std::size_t group) const { return versions_[group]; }
  void set(std::size_t group, Gather gather);
  /// Those of a tree, which `permutation` has elsewhere.
  void set(const GroupTree& tree, Permutation permutation);

 private:
  Permutation permutation_;
  std::vector<std::uint64_t> versions_;
};

/// Of the groups that are solved by themselves. n x n, row-major: units of A by units of B.
///
/// Memory is bounded: the sums of large groups beyond that are there one at a time, and computed
/// anew when they are wanted again. Copies share their sums until one of them changes.
class Similarities {
 public:
  explicit Similarities(const MatchProblem& problem);

  /// Brings a term up to date in its group's sum, from which it is missing at first. True if that
  /// changed the sum.
  bool refresh_term(std::size_t term, const Positions& positions);
  /// All terms of a group.
  bool refresh(std::size_t group, const Positions& positions);
  /// Are all sums kept? Then those of different groups may be refreshed side by side.
  bool apart() const { return apart_; }
  /// Whether `refresh` would change the sum.
  bool stale(std::size_t group, const Positions& positions) const;
  /// The sum of a group's terms that were brought up to date; empty before the first. There until
  /// another group's is.
  std::span<const double> of(std::size_t group) const;

 private:
  struct TermState {
    std::optional<Unfolding> b;       // what is in the sum
    std::vector<std::uint64_t> seen;  // neighbours' versions
    bool known = false;               // it was in the sum, as of `seen`
  };

  std::vector<std::uint64_t> versions_beside(std::size_t term, const Positions& positions) const;
  /// The sum of a group, to be changed.
  std::vector<double>& open(std::size_t group);

  const MatchProblem* problem_;
  std::vector<TermState> terms_;
  std::vector<std::shared_ptr<std::vector<double>>> sums_;  // by group; shared by copies
  std::vector<bool> kept_;                                  // by group
  bool apart_ = true;                                       // all of them
  std::optional<std::size_t> visitor_;                      // that is not kept, but there
};

}  // namespace mgit
