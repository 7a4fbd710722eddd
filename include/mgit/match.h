// Matching: the permutation that brings model B closest to model A.
//
// Weight matching is Algorithm 1 of Git Re-Basin (Ainsworth, Hayase, Srinivasa, arXiv 2209.04836):
// coordinate descent over groups; for each, the units' similarity summed over all tensors that
// carry the group, then a linear assignment; here from several starts. Pure functions: tensors in,
// permutation out; deterministic given the seed, whatever the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// What tensors count in the sum that matching makes large. A layer norm's own gains and biases,
/// which are all alike before training, say little of which unit is which: gains of about one add
/// the same to every order, and drown what tells them apart.
enum class Weighting : std::uint8_t {
  kRaw,     // <A, B> of each tensor as it is
  kLinear,  // the same, without those of layer norms; of networks that have none, kRaw
  kNorm,    // without those of layer norms, the others divided by the root of |A| |B|
};
std::string_view weighting_name(Weighting weighting);
std::optional<Weighting> weighting_from_name(std::string_view name);
/// "linear, raw, norm"
inline constexpr std::string_view kWeightingNames = "linear, raw, norm";

/// In which order a sweep comes to the groups; forward is that of the spec.
enum class GroupOrder : std::uint8_t { kRandom, kForward, kBackward };
std::string_view order_name(GroupOrder order);
std::optional<GroupOrder> order_from_name(std::string_view name);
/// "random, forward, backward"
inline constexpr std::string_view kOrderNames = "random, forward, backward";

struct MatchOptions {
  std::uint64_t seed = 0;
  int max_sweeps = 100;
  int restarts = 1;  // further runs from other starts; the best objective wins
  Weighting weighting = Weighting::kLinear;
  GroupOrder order = GroupOrder::kRandom;  // by the seed
  int steps = 100;                         // of methods that learn on data
  std::function<void(int sweep, double objective)> progress;
};

struct GroupMatch {
  std::string name;
  std::uint32_t size = 0;   // units; of a family, of all its members
  std::uint32_t moved = 0;  // units that change place
  double before = 0;  // <A, B> over the tensors that carry it with it in its old place, the others
  double after = 0;   // as they end, and as all end; families and what they stand in move together
};

/// How alike two models are before and after B moves.
struct Cosines {
  double before = 0;
  double after = 0;
};

struct CosineReport {
  Cosines all;                  // over the tensors that take part in matching
  std::vector<Cosines> groups;  // parallel to Spec::groups: over the whole tensors that carry one
};

/// Of methods that learn: losses of the midpoint on samples that they did not learn from.
struct HeldOutLosses {
  double before = 0;      // nothing moved
  double by_weights = 0;  // matched by weights: where it began
  double after = 0;       // never above these
};

struct MatchResult {
  Permutation permutation;  // apply to B
  /// Sum over matched tensors of <A, B>, as they are weighted; of activations, of units' r.
  double objective_before = 0;
  double objective_after = 0;  // the same with B permuted; float64 sums
  int sweeps = 0;
  std::vector<GroupMatch> groups;         // parallel to Spec::groups
  std::optional<CosineReport> cosines{};  // where the method found them: cosines() would
  std::optional<HeldOutLosses> held_out{};
};

/// The spec with what a weighting leaves out kept out of matching (SpecTensor::match).
Spec matched_spec(const Spec& spec, Weighting weighting);

/// Hidden units of all groups, and how many of them change place.
struct UnitCount {
  std::uint64_t all = 0;
  std::uint64_t moved = 0;
};
UnitCount count_units(const MatchResult& match);

/// A model counts as in the other's basin already unless matching improves on the identity by more
/// than 1 % (DESIGN section 7).
bool worth_moving(const MatchResult& match);

/// Both sources must have the tensors that `spec` was bound to. Throws Error if shapes differ or a
/// matched tensor is not finite. Starts are the groups in sequence, as far as what they stand
/// beside is known; the relaxation over all groups at once (match_frank_wolfe), with which known
/// permutations come back; and the best so far, shaken. The identity takes the place of a start
/// that is worse. Without restarts it is the sequence. With, small networks take all of them, those
/// in the middle the sequence if that finds A in B, else the relaxation, and restarts beyond the
/// first are shaken; large ones the sequence, and restarts are shaken. No restart follows a run
/// that made B equal to A, or to a multiple of it, or that moved nothing, nor in larger networks
/// one that gave B 0.7 of the similarity to A that any could have. A B that has more than half of
/// that similarity, and of which no group gains by moving alone, is left where it is without a run.
/// Tensors are read in their own dtype, several times each if the models are larger than a gigabyte
/// together: memory is bounded by the similarities of the largest group and by the largest tensor.
MatchResult match_weights(const Spec& spec, const TensorSource& a, const TensorSource& b,
                          const MatchOptions& options = {});

/// The same objective, from the relaxation alone: Frank-Wolfe over all groups at once (Crisostomi,
/// Fumero, Baieri, Bernard, Rodola: C2M3, arXiv 2405.17897) from the barycentre of all
/// permutations, then a descent; restarts are shaken. Families, and groups that share a product
/// with others, are placed in sequence first and stay there until the descent. Throws as
/// match_weights.
MatchResult match_frank_wolfe(const Spec& spec, const TensorSource& a, const TensorSource& b,
                              const MatchOptions& options = {});

/// sum over tensors that take part in matching of <A, B>, in double.
double objective(const Spec& spec, const TensorSource& a, const TensorSource& b);

/// Cosines of A with B, and with B permuted; 0 where one of the two is zero or nothing takes part.
/// Throws as match_weights does of shapes.
CosineReport cosines(const Spec& spec, const TensorSource& a, const TensorSource& b,
                     const Permutation& permutation);

/// A place of a group: what the order that all of its places share is worth there, and what the
/// best order for this place alone would be, the other groups as they are.
struct PlaceAgreement {
  std::string tensor;
  std::size_t axis = 0;
  double shared = 0;            // part of the objective
  double alone = 0;             // never less than `shared`
  std::uint32_t elsewhere = 0;  // units that the order for this place alone puts in other places
};

struct GroupAgreement {
  std::vector<PlaceAgreement> places;  // in the order of the spec's tensors
  std::uint32_t tied = 0;              // units that could change places with another without a loss

  /// Of what the places could have alone, the part that the shared order does not give them.
  double lost() const;
};

/// Parallel to Spec::groups. Empty for groups that are fixed, are families, hold some or share a
/// product with another. Costs a product and an assignment for each place. Throws as match_weights.
std::vector<GroupAgreement> agreement(const Spec& spec, const TensorSource& a,
                                      const TensorSource& b, const Permutation& permutation);

/// Cosine between two models over their common arithmetic tensors of rank 2 or more (DESIGN section
/// 7: which base a model has); over all of them where none has such a rank. 0 if there are none or
/// one is zero.
double cosine(const TensorSource& a, const TensorSource& b);

}  // namespace mgit
