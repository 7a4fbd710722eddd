#include "match/many_models.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "match/problem.h"

namespace mgit {
namespace {

constexpr int kMostRounds = 20;
/// A turn that gains less, as a part of the objective, is rounding.
constexpr double kSmallestGain = 1e-9;

constexpr std::array<std::pair<ManyModels, std::string_view>, 3> kNames{
    {{ManyModels::kUniverse, "universe"},
     {ManyModels::kHierarchical, "hierarchical"},
     {ManyModels::kPairwise, "pairwise"}}};

/// A model and the order that it is brought into.
struct Placed {
  const TensorSource* model;
  const Permutation* permutation;
};

/// The sum of the matched tensors of several models, computed as it is read, in double, F32; of
/// what is no number, the first model's.
class SumOfModels : public TensorSource {
 public:
  SumOfModels(const Spec& spec, std::vector<Placed> models)
      : infos_(models.front().model->tensors()) {
    for (const Placed& each : models) models_.emplace_back(*each.model, spec, *each.permutation);
    for (TensorInfo& info : infos_)
      if (summed(info)) info.dtype = DType::kF32;
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override {
    const TensorInfo* first = models_.front().find(name);
    if (first == nullptr || !summed(*first)) return models_.front().read(name);
    std::vector<double> sum(element_count(first->shape).value());
    std::vector<double> values(sum.size());
    for (const PermutedModel& model : models_) {
      to_double(model.read(name).view, values);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
    }
    auto bytes = std::make_shared<Buffer>(sum.size() * sizeof(float));
    from_double(sum, DType::kF32, *bytes);
    return {{DType::kF32, first->shape, *bytes}, bytes};
  }

 private:
  bool summed(const TensorInfo& info) const {
    return std::all_of(models_.begin(), models_.end(), [&](const PermutedModel& model) {
      const TensorInfo* own = model.find(info.name);
      return own != nullptr && is_arithmetic(own->dtype) && own->shape == info.shape;
    });
  }

  std::vector<PermutedModel> models_;
  std::vector<TensorInfo> infos_;
};

class ManyMatching {
 public:
  ManyMatching(const ManyInput& input, std::vector<Permutation> start)
      : input_(input),
        matched_(matched_spec(input.spec, input.options.weighting)),
        still_(identity_permutation(input.spec)),
        permutations_(std::move(start)) {}

  /// sum over pairs of <A, B>: of each model with the sum of those before it.
  double objective() const {
    const std::vector<Placed> models = all();
    double sum = 0;
    for (std::size_t i = 1; i < models.size(); ++i)
      sum +=
          mgit::objective(matched_, SumOfModels(input_.spec, {models.begin(), models.begin() + i}),
                          SumOfModels(input_.spec, {models[i]}));
    return sum;
  }

  int take_turns() {
    int rounds = 0;
    for (bool gained = true; gained && rounds < kMostRounds; ++rounds) {
      gained = false;
      for (std::size_t i = 0; i < permutations_.size(); ++i) gained |= take_turn(i);
      gained |= turn_fixed();
    }
    return rounds;
  }

  void climb() {
    permutations_.assign(permutations_.size(), still_);
    climb(0, permutations_.size() + 1);
  }

  std::vector<Permutation> take_permutations() { return std::move(permutations_); }

 private:
  std::vector<Placed> fixed() const {
    std::vector<Placed> models;
    for (const TensorSource* model : input_.fixed) models.push_back({model, &still_});
    return models;
  }
  std::vector<Placed> all(std::optional<std::size_t> but = std::nullopt) const {
    std::vector<Placed> models = fixed();
    for (std::size_t i = 0; i < permutations_.size(); ++i)
      if (i != but) models.push_back({input_.moving[i], &permutations_[i]});
    return models;
  }

  /// The permutation of the second sum onto the first; nullopt if it gains nothing.
  std::optional<Permutation> match(const std::vector<Placed>& a,
                                   const std::vector<Placed>& b) const {
    MatchResult found = input_.method.match({.spec = input_.spec,
                                             .a = SumOfModels(input_.spec, a),
                                             .b = SumOfModels(input_.spec, b),
                                             .options = input_.options});
    const double gain = found.objective_after - found.objective_before;
    if (gain <= kSmallestGain * std::abs(found.objective_after)) return std::nullopt;
    return std::move(found.permutation);
  }

  bool take_turn(std::size_t i) {
    const auto step = match(all(i), {{input_.moving[i], &permutations_[i]}});
    if (step) permutations_[i] = compose(permutations_[i], *step);
    return step.has_value();
  }

  /// Those that stay, with the sum of the others: it is the others that move.
  bool turn_fixed() {
    std::vector<Placed> others = all();
    others.erase(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(input_.fixed.size()));
    const auto step = match(others, fixed());
    if (!step) return false;
    const Permutation back = inverse(*step);
    for (Permutation& permutation : permutations_) permutation = compose(permutation, back);
    return true;
  }

  /// Leaves [begin, end): the first are those that are fixed, the others a moving model each.
  void climb(std::size_t begin, std::size_t end) {
    if (end - begin < 2) return;
    const std::size_t middle = begin + (end - begin + 1) / 2;
    climb(begin, middle);
    climb(middle, end);
    const auto step = match(leaves(begin, middle), leaves(middle, end));
    if (!step) return;
    for (std::size_t i = middle; i < end; ++i)
      permutations_[i - 1] = compose(permutations_[i - 1], *step);
  }
  std::vector<Placed> leaves(std::size_t begin, std::size_t end) const {
    std::vector<Placed> models;
    if (begin == 0) models = fixed();
    for (std::size_t i = std::max<std::size_t>(begin, 1); i < end; ++i)
      models.push_back({input_.moving[i - 1], &permutations_[i - 1]});
    return models;
  }

  const ManyInput& input_;
  const Spec matched_;
  const Permutation still_;
  std::vector<Permutation> permutations_;
};

}  // namespace

std::string_view many_name(ManyModels many) {
  return std::find_if(kNames.begin(), kNames.end(),
                      [&](const auto& row) { return row.first == many; })
      ->second;
}

std::optional<ManyModels> many_from_name(std::string_view name) {
  for (const auto& [many, its_name] : kNames)
    if (name == its_name) return many;
  return std::nullopt;
}

ManyResult match_many(ManyModels many, const ManyInput& input, std::vector<Permutation> start) {
  ManyResult result;
  ManyMatching matching(input, std::move(start));
  result.objective_before = matching.objective();
  if (many == ManyModels::kUniverse) result.rounds = matching.take_turns();
  if (many == ManyModels::kHierarchical) matching.climb();
  result.objective_after = matching.objective();
  result.permutations = matching.take_permutations();
  return result;
}

MatchResult report_of(const Spec& spec, const TensorSource& a, const TensorSource& b,
                      Permutation permutation) {
  const MatchProblem problem(spec, a, b);
  MatchResult result;
  result.permutation = std::move(permutation);
  problem.report(result);
  return result;
}

}  // namespace mgit
