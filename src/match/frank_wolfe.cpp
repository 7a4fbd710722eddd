#include "match/frank_wolfe.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/threads.h"
#include "mgit/assignment.h"

namespace mgit {
namespace {

/// A doubly stochastic matrix, as a mixture of permutations and of the barycentre, whose entries
/// are all alike.
class Mixture {
 public:
  /// `step` of the way to a permutation.
  void move(double step, const Gather& vertex) {
    if (step == 1) *this = Mixture(0);
    barycentre_ *= 1 - step;
    for (Part& part : parts_) part.weight *= 1 - step;
    parts_.push_back({step, vertex});
  }

  /// Sum of products with a matrix.
  double product(std::span<const double> matrix) const;
  /// The permutation of n nearest to it.
  Gather nearest(std::size_t n) const;

  Mixture() = default;

 private:
  struct Part {
    double weight;
    Gather permutation;
  };
  explicit Mixture(double barycentre) : barycentre_(barycentre) {}

  double barycentre_ = 1;
  std::vector<Part> parts_;
};

/// What a permutation picks of a matrix.
double picked(std::span<const double> matrix, const Gather& permutation) {
  const std::size_t n = permutation.size();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += matrix[i * n + permutation[i]];
  return sum;
}

double Mixture::product(std::span<const double> matrix) const {
  double sum = 0;
  if (barycentre_ > 0) {
    for (const double value : matrix) sum += value;
    sum *= barycentre_ / std::sqrt(static_cast<double>(matrix.size()));
  }
  for (const Part& part : parts_) sum += part.weight * picked(matrix, part.permutation);
  return sum;
}

Gather Mixture::nearest(std::size_t n) const {
  std::vector<float> weight(n * n);
  for (const Part& part : parts_)
    for (std::size_t i = 0; i < n; ++i)
      weight[i * n + part.permutation[i]] += static_cast<float>(part.weight);
  return solve_assignment(weight, n);
}

/// Replaces the slices of a tensor along a group's place by their mean.
void level(const SpecTensor& tensor, std::size_t axis, const Occurrence& place, std::size_t size,
           std::span<float> values) {
  std::size_t before = 1;
  std::size_t after = 1;
  for (std::size_t i = 0; i < axis; ++i) before *= tensor.axes[i].length;
  for (std::size_t i = axis + 1; i < tensor.axes.size(); ++i) after *= tensor.axes[i].length;
  const std::size_t slice = place.inner * after;
  std::vector<double> mean(slice);
  for (std::size_t x = 0; x < before * place.outer; ++x) {
    const std::size_t row = (x / place.outer) * tensor.axes[axis].length + place.offset;
    float* first = values.data() + row * after + (x % place.outer) * size * slice;
    std::fill(mean.begin(), mean.end(), 0);
    for (std::size_t unit = 0; unit < size; ++unit)
      for (std::size_t k = 0; k < slice; ++k)
        mean[k] += static_cast<double>(first[unit * slice + k]);
    for (double& value : mean) value /= static_cast<double>(size);
    for (std::size_t unit = 0; unit < size; ++unit)
      for (std::size_t k = 0; k < slice; ++k) first[unit * slice + k] = static_cast<float>(mean[k]);
  }
}

/// A tensor summed over the units of a group that has an axis for itself.
std::vector<float> summed(const SpecTensor& tensor, std::size_t axis, const Occurrence& place,
                          std::size_t size, std::span<const float> values) {
  std::size_t before = place.outer;
  std::size_t slice = place.inner;
  for (std::size_t i = 0; i < axis; ++i) before *= tensor.axes[i].length;
  for (std::size_t i = axis + 1; i < tensor.axes.size(); ++i) slice *= tensor.axes[i].length;
  std::vector<float> result(before * slice);
  std::vector<double> sum(slice);
  for (std::size_t x = 0; x < before; ++x) {
    std::fill(sum.begin(), sum.end(), 0);
    const float* from = values.data() + x * size * slice;
    for (std::size_t unit = 0; unit < size; ++unit, from += slice)
      for (std::size_t k = 0; k < slice; ++k) sum[k] += static_cast<double>(from[k]);
    std::copy(sum.begin(), sum.end(), result.begin() + static_cast<std::ptrdiff_t>(x * slice));
  }
  return result;
}

std::vector<float> floats(const MatchedTensor& tensor) {
  std::vector<float> values(tensor.size());
  to_float(tensor.read().view, values);
  return values;
}

TensorView view(const SpecTensor& tensor, const std::vector<float>& values) {
  return {DType::kF32, tensor.shape(), std::as_bytes(std::span(values))};
}

class FrankWolfe {
 public:
  FrankWolfe(const MatchProblem& problem, Positions& vertex, Similarities& at_vertex)
      : problem_(problem), vertex_(vertex), at_vertex_(at_vertex) {
    for (std::size_t g = 0; g < problem.spec.groups.size(); ++g)
      if (!problem.tree_of[g])
        groups_.push_back({.index = g, .n = vertex.at(g).size(), .gradient = {}});
    parallel_for(groups_.size(),
                 [&](std::size_t k) { groups_[k].gradient = undecided(groups_[k].index); });
  }

  /// Part of the objective that the step gained.
  double step() {
    parallel_for(groups_.size(), [&](std::size_t k) {
      Relaxed& group = groups_[k];
      group.score.assign(group.gradient.begin(), group.gradient.end());
      group.target = solve_assignment(group.score, group.n, &group.duals);
    });
    for (const Relaxed& group : groups_) vertex_.set(group.index, group.target);
    for_each_group([](Relaxed& group, std::span<const double> there) {
      group.reach = picked(group.gradient, group.target);
      group.slope = group.reach - group.mixture.product(group.gradient);
      group.curvature = picked(there, group.target) - group.mixture.product(there) - group.slope;
    });
    // The objective is quadratic on the way to the vertex: gradients mix as positions do.
    double slope = 0;
    double curvature = 0;
    double scale = 0;
    for (const Relaxed& group : groups_) {
      slope += group.slope;
      curvature += group.curvature;
      scale += std::fabs(group.reach);
    }
    if (slope <= 0) return 0;
    const double step = curvature < -slope ? -slope / curvature : 1;
    for_each_group([&](Relaxed& group, std::span<const double> there) {
      group.mixture.move(step, group.target);
      for (std::size_t k = 0; k < there.size(); ++k)
        group.gradient[k] += step * (there[k] - group.gradient[k]);
    });
    return (slope + step * curvature / 2) * step / scale;
  }

  void decide() {
    parallel_for(groups_.size(), [&](std::size_t k) {
      groups_[k].target = groups_[k].mixture.nearest(groups_[k].n);
    });
    for (const Relaxed& group : groups_) vertex_.set(group.index, group.target);
  }

 private:
  struct Relaxed {
    std::size_t index;
    std::size_t n;
    std::vector<double> gradient;
    Mixture mixture{};
    AssignmentDuals duals{};
    // Of a step: where it leads, what the gradient has there, and the group's part of the objective
    // on the way.
    Gather target{};
    double reach = 0;
    double slope = 0;
    double curvature = 0;
    std::vector<float> score{};
  };

  /// With the group's similarities at the vertex.
  void for_each_group(
      const std::function<void(Relaxed& group, std::span<const double> there)>& work) {
    const auto one = [&](std::size_t k) {
      at_vertex_.refresh(groups_[k].index, vertex_);
      work(groups_[k], at_vertex_.of(groups_[k].index));
    };
    if (at_vertex_.apart()) {
      parallel_for(groups_.size(), one);
    } else {
      for (std::size_t k = 0; k < groups_.size(); ++k) one(k);
    }
  }

  /// A group's similarities where all others are at the barycentre.
  std::vector<double> undecided(std::size_t group) const {
    const std::size_t n = vertex_.at(group).size();
    std::vector<double> sum(n * n);
    for (const std::size_t index : problem_.terms_of[group]) {
      const MatchProblem::Term& term = problem_.terms[index];
      const TensorPair& pair = problem_.pairs[term.pair];
      SpecTensor shape = *pair.spec;
      std::vector<float> a = floats(pair.a);
      std::vector<float> b = floats(pair.b);
      Permutation permutation = vertex_.permutation();
      for (std::size_t axis = 0; axis < shape.axes.size(); ++axis) {
        if (axis == term.axis) continue;
        for (const Occurrence& place : pair.spec->axes[axis].occurrences) {
          if (problem_.tree_of[place.group]) continue;
          const std::size_t size = vertex_.at(place.group).size();
          permutation.groups[place.group].clear();
          if (size * place.outer * place.inner < shape.axes[axis].length) {
            level(shape, axis, place, size, b);
            continue;
          }
          // What all units of A meet is the same.
          a = summed(shape, axis, place, size, a);
          b = summed(shape, axis, place, size, b);
          for (float& value : b) value /= static_cast<float>(size);
          shape.axes[axis] = {place.outer * place.inner, {}};
        }
      }
      const std::vector<Gather> still(shape.axes.size());
      add_products(view(shape, a), unfold(shape, term.axis, term.occurrence, n, still),
                   view(shape, b),
                   unfold(shape, term.axis, term.occurrence, n,
                          tensor_gathers(problem_.spec, shape, permutation)),
                   sum);
    }
    return sum;
  }

  const MatchProblem& problem_;
  Positions& vertex_;
  Similarities& at_vertex_;
  std::vector<Relaxed> groups_;
};

}  // namespace

void relax(const MatchProblem& problem, double gain, int max_steps, Positions& positions,
           Similarities& similarities) {
  FrankWolfe relaxed(problem, positions, similarities);
  for (int step = 0; step < max_steps; ++step)
    if (relaxed.step() < gain) break;
  relaxed.decide();
}

}  // namespace mgit
