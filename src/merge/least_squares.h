// Least squares between what a layer is given and what it should give.
//
// Rows are pairs (x, y). Their second moments are summed in float64 in a fixed order, and the
// linear map that comes closest to all of them follows from the moments alone: ridge regression,
// drawn towards weights that are there already. The same bits with any number of threads and
// whatever the instruction set. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mgit {

/// Moments of pairs of `inputs` and `outputs` numbers: (inputs + outputs)^2 numbers of memory.
class PairMoments {
 public:
  PairMoments(std::size_t inputs, std::size_t outputs);

  /// Rows one after the other: `x` has rows * inputs numbers, `y` rows * outputs. Costs about
  /// rows * inputs * (inputs / 2 + outputs) multiplications, on all cores.
  void add(std::span<const double> x, std::span<const double> y);

  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_; }
  std::uint64_t rows() const { return rows_; }
  /// Means of x, then of y.
  std::vector<double> means() const;
  /// The mean of x_i x_j; i < inputs(), j <= i.
  double input_product(std::size_t i, std::size_t j) const;
  /// The mean of x_i y_o.
  double output_product(std::size_t i, std::size_t o) const;

 private:
  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t panels_;            // of kPanel columns, of x and y together
  std::vector<double> products_;  // by panel and panel before it: sums
  std::vector<double> sums_;
  std::vector<double> packed_;  // scratch
  std::uint64_t rows_ = 0;
};

/// outputs x inputs, row-major.
struct LinearMap {
  std::vector<double> weight;
  std::vector<double> bias;  // of each output; zeros where there is to be none
};

struct LinearFit {
  double ridge = 1e-2;  // of the inputs' mean square: how hard the weights are drawn
  bool bias = true;     // whether the map may shift: then what counts is around the means
};

/// The map with the least mean square of y - (W x + b), plus the ridge times the squares of what W
/// is off `towards` (outputs x inputs). An output's row that does not come out finite is that of
/// `towards`, and so are all where x is zero or not finite. Costs inputs^3 / 6 + outputs *
/// inputs^2 multiplications.
LinearMap fit_linear(const PairMoments& moments, std::span<const double> towards,
                     const LinearFit& fit = {});

/// What each output of a map varies by on the x of these moments: the variance of W x.
std::vector<double> output_variances(const PairMoments& moments, std::span<const double> weight);

}  // namespace mgit
