// What a merge does with one model: the plan, as deciding leaves it and computing, recording and
// describing read it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "match/many_models.h"
#include "match/method.h"
#include "merge/batch_norms.h"
#include "merge/strategy.h"
#include "mgit/git.h"
#include "mgit/match.h"
#include "model/model_line.h"
#include "workflow/matching.h"

namespace mgit {

/// Whose models are taken where several sides changed them.
enum class TakenSide : std::uint8_t { kNone, kOurs, kTheirs };

/// A merge that was recorded, to be planned as its record says: nothing is matched or weighed anew.
struct RecordedMerge {
  std::vector<double> weights;  // one for each parent
  std::vector<bool> decides;    // by parent, as are the permutations
  std::vector<std::optional<RecordedPermutation>> moved;
  std::string base;  // a commit, "none", or empty: to be decided
  bool whole = false;
};

struct MergeOptions {
  std::vector<double> weights;              // ours, then one for each branch; empty: by lineage
  bool weigh_by_data = false;               // by what the trainers say that they trained on
  std::string strategy = "mean";            // a row of merge_strategies()
  MatchingChoice matching{};                // how theirs is brought into our basin
  bool rebase = true;                       // bring theirs into our basin first
  ManyModels many = ManyModels::kUniverse;  // how, if there are several of theirs
  bool repair = true;                       // running variances follow from the weights
  bool repair_with_data = false;            // fit what was merged to data
  std::string repair_data{};                // the file; empty: .mgitconfig's
  std::string repair_graph{};               // the network's; empty: .mgitconfig's
  bool combine = false;                     // also where git would take theirs
  bool whole = false;       // the strategy applies to every tensor, not to changed ones
  bool trust_spec = false;  // move units by a spec that was not proved
  TakenSide take = TakenSide::kNone;
  const RecordedMerge* recorded = nullptr;  // overrides what it says itself

  /// Weights that were asked for combine whole models.
  bool weighs() const { return weigh_by_data || !weights.empty(); }
};

/// One side that is merged into ours.
struct MergeSide {
  Oid commit;
  std::string name;         // for people
  std::optional<Oid> base;  // git's merge base with ours
};

/// How one side's model takes part.
struct SidePlan {
  Oid commit;
  CommittedModel model;
  std::string name{};                           // of the side, for people
  std::size_t parent = 1;                       // of the merge commit, counted from 1
  bool decides = true;                          // false: it has what the base has
  std::vector<RecordedPermutation> recorded{};  // what rebases did since the base, newest first
  std::optional<Manifest> base{};      // the base's tensors in this side's basin, unless two_way
  std::optional<MatchResult> match{};  // found now, to bring it into our basin
  bool in_our_basin = false;           // looked at, and there already
  double weight = 0;
};

/// How more than two models were brought into one basin.
struct TogetherReport {
  ManyModels many;
  std::size_t models = 0;
  int rounds = 0;
  double objective_before = 0;  // sum over pairs of models, each matched with ours alone
  double objective_after = 0;
};

struct ModelPlan {
  std::string path;                    // ours
  std::set<std::string> paths;         // every name that the model has on a side, or had
  std::size_t parents = 2;             // of the merge commit
  std::vector<std::string> conflicts;  // why it cannot be combined; empty if it can
  std::vector<std::string> notes;      // what people should know, a line each
  std::vector<std::optional<std::size_t>> from_side;  // by tensor: whose it is, uncombined
  const MergeStrategy* strategy = nullptr;
  const MatchingMethod* method = nullptr;    // of the sides that have a match
  Weighting weighting{};                     // of its sums
  bool two_way = false;                      // tips only: at least one line was cut
  bool whole = false;                        // every tensor is combined; always if two_way
  std::optional<Oid> base;                   // the commit whose model is the base, if not two_way
  std::optional<CommittedModel> base_model;  // the base's, also where the line from it is cut
  std::optional<Spec> spec;                  // if anything was matched
  std::optional<TogetherReport> together;    // if several sides move
  std::string weights_count;                 // what the weights count: "samples"; empty: nothing
  std::vector<BatchNorm> norms;              // those that are repaired
  std::string unrepaired;                    // why there are none, of a network that has norms
  std::vector<SidePlan> sides;               // ours first
  std::size_t home = 0;                      // the side whose files the result is written to
  /// The one side whose files are taken as they are, a single one under the home's name; nullopt:
  /// the model is computed.
  std::optional<std::size_t> taken;

  const CommittedModel& home_model() const { return sides[home].model; }
};

/// Sides that decide one tensor: all that decide anything, or of them those that changed it.
/// `object_of(side)` names a side's tensor by its content. Never empty: ours, if nobody changed it.
template <typename ObjectOf>
std::vector<std::size_t> deciding_sides(const ModelPlan& plan, std::size_t tensor,
                                        const ObjectOf& object_of) {
  std::vector<std::size_t> deciding;
  for (std::size_t i = 0; i < plan.sides.size(); ++i) {
    const SidePlan& side = plan.sides[i];
    if (side.decides &&
        (plan.whole || !side.base || object_of(i) != side.base->tensors[tensor].object))
      deciding.push_back(i);
  }
  if (deciding.empty()) deciding.push_back(0);
  return deciding;
}

/// Whether the side's units are put in another order.
bool moves(const SidePlan& side);

/// The file of a model that holds a part's tensors: at the part's path, else the only one that
/// does. nullptr if none does.
const Manifest* same_part(const CommittedModel& model, const CommittedCheckpoint& part);

}  // namespace mgit
