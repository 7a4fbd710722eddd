#include "workflow/merge/many_sides.h"

namespace mgit {

void bring_together(const Workspace& repository, const MergeOptions& options, ModelPlan& plan) {
  if (!plan.two_way || options.many == ManyModels::kPairwise ||
      plan.method->needs != MatchingNeeds::kWeights)
    return;
  std::vector<std::unique_ptr<TensorSource>> sources;
  std::vector<const TensorSource*> fixed;
  std::vector<const TensorSource*> moving;
  std::vector<SidePlan*> moved;
  std::vector<Permutation> start;
  for (SidePlan& side : plan.sides) {
    if (!side.decides) continue;
    sources.push_back(open_model(repository.store(), side.model));
    if (!moves(side)) {
      fixed.push_back(sources.back().get());
      continue;
    }
    moving.push_back(sources.back().get());
    moved.push_back(&side);
    start.push_back(side.match->permutation);
  }
  if (moving.size() < 2 || fixed.empty()) return;
  ManyResult together = match_many(options.many,
                                   {.spec = *plan.spec,
                                    .fixed = fixed,
                                    .moving = moving,
                                    .method = *plan.method,
                                    .options = options.matching.options},
                                   std::move(start));
  for (std::size_t i = 0; i < moved.size(); ++i)
    moved[i]->match = report_of(matched_spec(*plan.spec, plan.weighting), *fixed.front(),
                                *moving[i], std::move(together.permutations[i]));
  plan.together = TogetherReport{options.many, fixed.size() + moving.size(), together.rounds,
                                 together.objective_before, together.objective_after};
}

}  // namespace mgit
