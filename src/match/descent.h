// Coordinate descent over groups (Git Re-Basin, Algorithm 1): one assignment after the other, until
// none gains. A group that holds families, or shares a product with another group, is solved
// together with its families by nested assignments (nested_assignment.h), from all of its terms
// anew.
#pragma once

#include <cstdint>
#include <vector>

#include "match/similarities.h"
#include "mgit/assignment.h"
#include "mgit/match.h"

namespace mgit {

/// One descent. Copied before it runs, so that restarts share the first products.
class Descent {
 public:
  /// From the identity.
  explicit Descent(const MatchProblem& problem);

  /// From what was found before.
  void place(Permutation permutation);
  /// A start better than the identity for networks that have nothing in common: one group after the
  /// other, by those terms alone whose neighbours have been placed, most of them known first. For a
  /// chain of layers that is from the input to the output. Stops, and is then of no use, where what
  /// is placed has less than `least` of the similarity of copies: false.
  bool place_in_sequence(double least = 0);
  /// A start for networks where such a sequence begins with next to nothing: residual streams.
  /// Groups in trees stay where they are (frank_wolfe.h; `gain` as there).
  void place_relaxed(double gain);
  void run(std::uint64_t seed, const MatchOptions& options);
  /// Leaves a local optimum: every group once, in random order, by scores with noise added.
  void shake(std::uint64_t seed);

  /// Computed from the tensors, in double.
  double objective() const { return problem_->objective(positions_.permutation()); }
  const Permutation& permutation() const { return positions_.permutation(); }
  int sweeps() const { return sweeps_; }

 private:
  struct GroupState {
    AssignmentDuals duals;
    bool changed = true;  // its similarities since the last assignment
  };
  struct TreeState {
    std::vector<std::uint64_t> seen;  // versions of the neighbours at the last assignment
    bool solved = false;
  };

  std::vector<TreePlace> known_places(const MatchProblem::Tree& tree,
                                      const std::vector<bool>& placed) const;
  double known_part(const MatchProblem::Tree& tree, const std::vector<bool>& placed) const;
  double known_part(std::size_t g, const std::vector<bool>& placed) const;
  std::size_t best_known(const std::vector<bool>& placed) const;

  bool solve_tree(std::size_t index, const std::vector<TreePlace>& places,
                  const TreeNoise& noise = {});
  bool improve_tree(std::size_t index);
  void refresh(std::size_t g);
  double at(std::size_t g, std::size_t i, std::size_t j) const;
  bool improve(std::size_t g);
  double keep_ties(std::size_t g, const Gather& current, Gather& candidate) const;

  const MatchProblem* problem_;
  Positions positions_;
  Similarities similarities_;
  std::vector<GroupState> groups_;
  std::vector<TreeState> trees_;
  double objective_ = 0;
  int sweeps_ = 0;
  std::vector<float> score_;  // memory that is used again and again
};

}  // namespace mgit
