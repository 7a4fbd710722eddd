#include "match/frank_wolfe.h"

#include <algorithm>
#include <cmath>

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

class FrankWolfe {
 public:
  FrankWolfe(const MatchProblem& problem, Positions& vertex, Similarities& at_vertex)
      : problem_(problem), vertex_(vertex), at_vertex_(at_vertex) {
    for (std::size_t g = 0; g < problem.spec.groups.size(); ++g)
      if (!problem.tree_of[g]) groups_.push_back({.index = g, .gradient = undecided(g)});
  }

  /// Part of the objective that the step gained.
  double step() {
    for (Relaxed& group : groups_) {
      score_.assign(group.gradient.begin(), group.gradient.end());
      const std::size_t n = vertex_.at(group.index).size();
      vertex_.set(group.index, solve_assignment(score_, n, &group.duals));
    }
    // The objective is quadratic on the way to the vertex: gradients mix as positions do.
    double slope = 0;
    double curvature = 0;
    double scale = 0;
    for (const Relaxed& group : groups_) {
      at_vertex_.refresh(group.index, vertex_);
      const Gather& vertex = vertex_.at(group.index);
      const std::span<const double> there = at_vertex_.of(group.index);
      const double reach = picked(group.gradient, vertex);
      const double here = reach - group.mixture.product(group.gradient);
      slope += here;
      curvature += picked(there, vertex) - group.mixture.product(there) - here;
      scale += std::fabs(reach);
    }
    if (slope <= 0) return 0;
    const double step = curvature < -slope ? -slope / curvature : 1;
    for (Relaxed& group : groups_) {
      group.mixture.move(step, vertex_.at(group.index));
      at_vertex_.refresh(group.index, vertex_);
      const std::span<const double> there = at_vertex_.of(group.index);
      for (std::size_t k = 0; k < there.size(); ++k)
        group.gradient[k] += step * (there[k] - group.gradient[k]);
    }
    return (slope + step * curvature / 2) * step / scale;
  }

  void decide() {
    for (const Relaxed& group : groups_)
      vertex_.set(group.index, group.mixture.nearest(vertex_.at(group.index).size()));
  }

 private:
  struct Relaxed {
    std::size_t index;
    Mixture mixture{};
    std::vector<double> gradient;
    AssignmentDuals duals{};
  };

  /// A group's similarities where all others are at the barycentre.
  std::vector<double> undecided(std::size_t group) const {
    const std::size_t n = vertex_.at(group).size();
    std::vector<double> sum(n * n);
    for (const std::size_t index : problem_.terms_of[group]) {
      const MatchProblem::Term& term = problem_.terms[index];
      const TensorPair& pair = problem_.pairs[term.pair];
      const std::vector<SpecAxis>& axes = pair.spec->axes;
      std::vector<float> b(pair.b.size());
      to_float(pair.b.read().view, b);
      Permutation permutation = vertex_.permutation();
      for (std::size_t axis = 0; axis < axes.size(); ++axis) {
        if (axis == term.axis) continue;
        for (const Occurrence& place : axes[axis].occurrences) {
          if (problem_.tree_of[place.group]) continue;
          level(*pair.spec, axis, place, vertex_.at(place.group).size(), b);
          permutation.groups[place.group].clear();
        }
      }
      const std::vector<Gather> still(axes.size());
      add_products(pair.a.read().view, unfold(*pair.spec, term.axis, term.occurrence, n, still),
                   {DType::kF32, pair.spec->shape(), std::as_bytes(std::span(b))},
                   unfold(*pair.spec, term.axis, term.occurrence, n,
                          tensor_gathers(problem_.spec, *pair.spec, permutation)),
                   sum);
    }
    return sum;
  }

  const MatchProblem& problem_;
  Positions& vertex_;
  Similarities& at_vertex_;
  std::vector<Relaxed> groups_;
  std::vector<float> score_;
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
