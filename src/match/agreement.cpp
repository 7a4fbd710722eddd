// How far the places of a group agree about its order.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "match/nested_terms.h"
#include "match/unfolding.h"
#include "match/weights.h"
#include "mgit/assignment.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// Judges one permutation. For one run.
class Agreement {
 public:
  Agreement(const Spec& spec, const TensorSource& a, const TensorSource& b,
            const Permutation& permutation)
      : spec_(spec),
        permutation_(permutation),
        pairs_(load_pairs(spec, a, b)),
        alone_(spec.groups.size()) {
    for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
      alone_[group] = !spec.groups[group].fixed && !spec.groups[group].outer;
      if (const auto outer = spec.groups[group].outer) alone_[*outer] = false;
    }
    for (const SpecTensor& tensor : spec.tensors)
      for (const SpecAxis& axis : tensor.axes) leave_products_out(axis);
  }

  GroupAgreement of(std::uint32_t group) {
    GroupAgreement result;
    if (!alone_[group]) return result;
    const std::size_t n = spec_.groups[group].size;
    Gather shared = permutation_.groups[group];
    if (shared.empty()) {
      shared.resize(n);
      std::iota(shared.begin(), shared.end(), 0U);
    }
    std::vector<double> total(n * n);
    for (const TensorPair& pair : pairs_)
      for (std::size_t axis = 0; axis < pair.spec->axes.size(); ++axis)
        for (const Occurrence& place : pair.spec->axes[axis].occurrences)
          if (place.group == group)
            result.places.push_back(judge(pair, axis, place, shared, total));
    result.tied = tied(total, shared);
    return result;
  }

 private:
  void leave_products_out(const SpecAxis& axis) {
    const auto end = [&](const Occurrence& place) {
      return place.offset + place.outer * spec_.groups[place.group].size * place.inner;
    };
    for (const Occurrence& place : axis.occurrences)
      for (const Occurrence& other : axis.occurrences)
        if (place.group != other.group && place.offset < end(other) && other.offset < end(place))
          alone_[place.group] = false;
  }

  /// Adds the similarities at the place to `total`.
  PlaceAgreement judge(const TensorPair& pair, std::size_t axis, const Occurrence& place,
                       const Gather& shared, std::vector<double>& total) {
    const std::size_t n = shared.size();
    const std::vector<Gather> still(pair.spec->axes.size());
    const Unfolding a = unfold(*pair.spec, axis, place, n, still);
    const Unfolding b =
        unfold(*pair.spec, axis, place, n, tensor_gathers(spec_, *pair.spec, permutation_));
    std::vector<double> value(n * n);
    add_products(pair.a.read().view, a, pair.b.read().view, b, value);
    const std::vector<float> score(value.begin(), value.end());
    const Gather own = solve_assignment(score, n);
    PlaceAgreement result{pair.spec->name, axis, 0, 0, 0};
    for (std::size_t i = 0; i < n; ++i) {
      result.shared += value[i * n + shared[i]];
      result.alone += value[i * n + own[i]];
      result.elsewhere += own[i] != shared[i] ? 1 : 0;
    }
    result.alone = std::max(result.alone, result.shared);  // scores are rounded to float
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += value[i];
    return result;
  }

  static std::uint32_t tied(const std::vector<double>& total, const Gather& shared) {
    const std::size_t n = shared.size();
    double scale = 0;
    for (std::size_t i = 0; i < n; ++i) scale += std::fabs(total[i * n + shared[i]]);
    const double smallest = -kTolerance * scale / static_cast<double>(n);
    std::vector<bool> ties(n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) {
        const double gain = total[i * n + shared[j]] + total[j * n + shared[i]] -
                            total[i * n + shared[i]] - total[j * n + shared[j]];
        if (gain >= smallest) ties[i] = ties[j] = true;
      }
    return static_cast<std::uint32_t>(std::count(ties.begin(), ties.end(), true));
  }

  const Spec& spec_;
  const Permutation& permutation_;
  std::vector<TensorPair> pairs_;
  std::vector<bool> alone_;  // by group: it has no families, is none, and shares no product
};

}  // namespace

double GroupAgreement::lost() const {
  double shared = 0;
  double alone = 0;
  for (const PlaceAgreement& place : places) {
    shared += place.shared;
    alone += place.alone;
  }
  return alone > 0 ? 1 - shared / alone : 0;
}

std::vector<GroupAgreement> agreement(const Spec& spec, const TensorSource& a,
                                      const TensorSource& b, const Permutation& permutation) {
  Agreement judge(spec, a, b, permutation);
  std::vector<GroupAgreement> result;
  for (std::uint32_t group = 0; group < spec.groups.size(); ++group)
    result.push_back(judge.of(group));
  return result;
}

}  // namespace mgit
