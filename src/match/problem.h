// What matching two models under a spec consists of: the tensors, where every group stands in them,
// and which groups are solved together. Does not change while matching; may be shared by threads.
#pragma once

#include <optional>
#include <vector>

#include "match/nested_terms.h"
#include "match/weights.h"
#include "mgit/match.h"
#include "mgit/perm.h"

namespace mgit {

struct MatchProblem {
  /// Reads the tensors; throws as load_pairs does. Keeps references into `spec`.
  MatchProblem(const Spec& spec, const TensorSource& a, const TensorSource& b);

  /// One place where a group stands that is solved by itself.
  struct Term {
    std::size_t pair;
    std::size_t axis;
    Occurrence occurrence;
    std::vector<std::uint32_t> neighbours;  // groups on the other axes
  };
  /// A group that holds families, or shares a product with another group, and its families.
  struct Tree {
    GroupTree groups;
    std::vector<TreePlace> places;
    std::vector<std::vector<std::uint32_t>> neighbours;  // by place: groups of other trees
    std::vector<std::size_t> pairs;
    bool quadratic = false;
  };

  const Spec& spec;
  std::vector<TensorPair> pairs;
  std::vector<Term> terms;
  std::vector<std::vector<std::size_t>> terms_of;  // by group
  std::vector<std::vector<std::size_t>> pairs_of;  // by group
  std::vector<bool> quadratic;                     // by group: it stands on two axes of one tensor
  std::vector<Tree> trees;
  std::vector<std::optional<std::size_t>> tree_of;  // by group; nullopt: solved by itself

  /// The pairs that carry a group, or anything of its tree.
  const std::vector<std::size_t>& pairs_with(std::size_t group) const {
    return tree_of[group] ? trees[*tree_of[group]].pairs : pairs_of[group];
  }
  /// <A, permuted B> over some of the pairs, and over all of them; in double, from the tensors.
  double similarity(const std::vector<std::size_t>& some, const Permutation& permutation) const;
  double objective(const Permutation& permutation) const;
  /// The objective of a copy: nothing is above it.
  double bound() const;
  /// About what of it a term can have.
  double bound(const Term& term) const;
  /// What `result.permutation` does: objectives, cosines, groups.
  void report(MatchResult& result) const;

 private:
  std::vector<std::size_t> all_pairs() const;
  /// <A, permuted B> of each.
  std::vector<double> products(const std::vector<std::size_t>& some,
                               const Permutation& permutation) const;
  GroupMatch report(std::size_t group, const Permutation& permutation,
                    const std::vector<double>& after) const;
  bool overlap(const Occurrence& a, const Occurrence& b) const;
  void find_trees();
  void add_to_tree(Tree& tree, std::size_t index, std::size_t axis, const Occurrence& occurrence);
  void add_pair(std::size_t index);
};

}  // namespace mgit
