#include "merge/least_squares.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/threads.h"

// Wider vectors, but no fused multiply-add: the bits are those of the plain version.
#if defined(__x86_64__) && !defined(__clang__)
#define MGIT_WIDER __attribute__((target_clones("avx2", "default")))
#else
#define MGIT_WIDER
#endif

namespace mgit {
namespace {

constexpr std::size_t kPanel = 8;    // columns that are multiplied with as many others at once
constexpr std::size_t kBlock = 256;  // rows that are packed at once
constexpr std::size_t kTile = kPanel * kPanel;

/// sums[i][j] += sum over rows of left[row][i] * right[row][j], in the order of the rows.
MGIT_WIDER void add_products(const double* left, const double* right, std::size_t rows,
                             double* sums) {
  constexpr std::size_t kHalf = kPanel / 2;
  using Wide = double __attribute__((vector_size(kHalf * sizeof(double)), aligned(8), may_alias));
  for (std::size_t half = 0; half < kPanel; half += kHalf) {
    Wide sum[kHalf][2] = {};
    for (std::size_t row = 0; row < rows; ++row) {
      const double* const factors = left + row * kPanel + half;
      const auto* const values = reinterpret_cast<const Wide*>(right + row * kPanel);
      for (std::size_t i = 0; i < kHalf; ++i) {
        sum[i][0] += factors[i] * values[0];
        sum[i][1] += factors[i] * values[1];
      }
    }
    for (std::size_t i = 0; i < kHalf; ++i)
      for (std::size_t j = 0; j < kPanel; ++j)
        sums[(half + i) * kPanel + j] += sum[i][j / kHalf][j % kHalf];
  }
}

MGIT_WIDER double dot(const double* a, const double* b, std::size_t count) {
  std::array<double, 16> sums{};
  const std::size_t whole = count / sums.size() * sums.size();
  for (std::size_t i = 0; i < whole; i += sums.size())
    for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += a[i + j] * b[i + j];
  for (std::size_t i = whole; i < count; ++i) sums[i - whole] += a[i] * b[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

/// The place of the tile of two panels, of which `second` comes no later.
std::size_t tile_place(std::size_t first, std::size_t second) {
  return (first * (first + 1) / 2 + second) * kTile;
}

/// A symmetric positive matrix as L L^T, row-major, the lower half.
class Cholesky {
 public:
  Cholesky(std::vector<double> matrix, std::size_t size) : lower_(std::move(matrix)), size_(size) {
    for (std::size_t begin = 0; begin < size_; begin += kColumns) {
      const std::size_t end = std::min(begin + kColumns, size_);
      for (std::size_t i = begin; i < end; ++i) set_row(i, begin, i + 1);
      parallel_for(size_ - end, [&](std::size_t i) { set_row(end + i, begin, end); });
    }
  }

  bool positive() const { return positive_; }

  /// Overwrites the right-hand side with the solution.
  void solve(std::span<double> values) const {
    for (std::size_t i = 0; i < size_; ++i)
      values[i] = (values[i] - dot(row(i), values.data(), i)) / row(i)[i];
    for (std::size_t i = size_; i-- > 0;) {
      const double value = values[i] /= row(i)[i];
      for (std::size_t j = 0; j < i; ++j) values[j] -= value * row(i)[j];
    }
  }

 private:
  static constexpr std::size_t kColumns = 64;

  const double* row(std::size_t i) const { return lower_.data() + i * size_; }

  /// Columns [begin, end) of row i; those before are set.
  void set_row(std::size_t i, std::size_t begin, std::size_t end) {
    double* const own = lower_.data() + i * size_;
    for (std::size_t j = begin; j < end; ++j) {
      const double rest = own[j] - dot(own, row(j), j);
      if (j < i) {
        own[j] = rest / row(j)[j];
      } else if (rest > 0 && std::isfinite(rest)) {
        own[j] = std::sqrt(rest);
      } else {
        positive_ = false;
        own[j] = 1;
      }
    }
  }

  std::vector<double> lower_;
  std::size_t size_;
  bool positive_ = true;
};

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// Second moments of x, around the means where asked for; the lower half.
std::vector<double> input_moments(const PairMoments& moments, bool centred) {
  const std::size_t size = moments.inputs();
  const std::vector<double> means = moments.means();
  std::vector<double> matrix(size * size);
  parallel_for(size, [&](std::size_t i) {
    for (std::size_t j = 0; j <= i; ++j)
      matrix[i * size + j] = moments.input_product(i, j) - (centred ? means[i] * means[j] : 0);
  });
  return matrix;
}

}  // namespace

PairMoments::PairMoments(std::size_t inputs, std::size_t outputs)
    : inputs_(inputs),
      outputs_(outputs),
      panels_((inputs + outputs + kPanel - 1) / kPanel),
      products_(panels_ * (panels_ + 1) / 2 * kTile),
      sums_(inputs + outputs),
      packed_(panels_ * kPanel * kBlock) {}

void PairMoments::add(std::span<const double> x, std::span<const double> y) {
  const std::size_t rows = inputs_ > 0 ? x.size() / inputs_ : y.size() / outputs_;
  const std::size_t input_panels = (inputs_ + kPanel - 1) / kPanel;
  for (std::size_t first = 0; first < rows; first += kBlock) {
    const std::size_t count = std::min(kBlock, rows - first);
    parallel_for(panels_, [&](std::size_t panel) {
      double* const out = packed_.data() + panel * kPanel * kBlock;
      for (std::size_t row = 0; row < count; ++row)
        for (std::size_t k = 0; k < kPanel; ++k) {
          const std::size_t column = panel * kPanel + k;
          double value = 0;
          if (column < inputs_)
            value = x[(first + row) * inputs_ + column];
          else if (column < inputs_ + outputs_)
            value = y[(first + row) * outputs_ + column - inputs_];
          out[row * kPanel + k] = value;
          if (column < sums_.size()) sums_[column] += value;
        }
    });
    // Products of two outputs are of no use.
    parallel_for(panels_, [&](std::size_t panel) {
      for (std::size_t before = 0; before <= std::min(panel, input_panels - 1); ++before)
        add_products(packed_.data() + panel * kPanel * kBlock,
                     packed_.data() + before * kPanel * kBlock, count,
                     products_.data() + tile_place(panel, before));
    });
  }
  rows_ += rows;
}

std::vector<double> PairMoments::means() const {
  std::vector<double> result(sums_);
  for (double& mean : result) mean /= static_cast<double>(rows_);
  return result;
}

double PairMoments::input_product(std::size_t i, std::size_t j) const {
  return products_[tile_place(i / kPanel, j / kPanel) + i % kPanel * kPanel + j % kPanel] /
         static_cast<double>(rows_);
}

double PairMoments::output_product(std::size_t i, std::size_t o) const {
  return input_product(inputs_ + o, i);
}

LinearMap fit_linear(const PairMoments& moments, std::span<const double> towards,
                     const LinearFit& fit) {
  const std::size_t inputs = moments.inputs();
  const std::size_t outputs = moments.outputs();
  const std::vector<double> means = moments.means();
  std::vector<double> matrix = input_moments(moments, fit.bias);
  double trace = 0;
  for (std::size_t i = 0; i < inputs; ++i) trace += matrix[i * inputs + i];
  const double ridge = fit.ridge * trace / static_cast<double>(std::max<std::size_t>(inputs, 1));
  LinearMap map{{towards.begin(), towards.end()}, std::vector<double>(outputs)};
  if (ridge > 0 && std::isfinite(ridge)) {
    for (std::size_t i = 0; i < inputs; ++i) matrix[i * inputs + i] += ridge;
    const Cholesky factor(std::move(matrix), inputs);
    if (factor.positive())
      parallel_for(outputs, [&](std::size_t o) {
        std::vector<double> row(inputs);
        for (std::size_t i = 0; i < inputs; ++i)
          row[i] = moments.output_product(i, o) - (fit.bias ? means[i] * means[inputs + o] : 0) +
                   ridge * towards[o * inputs + i];
        factor.solve(row);
        if (all_finite(row))
          std::copy(row.begin(), row.end(),
                    map.weight.begin() + static_cast<std::ptrdiff_t>(o * inputs));
      });
  }
  if (fit.bias)
    for (std::size_t o = 0; o < outputs; ++o)
      map.bias[o] = means[inputs + o] - dot(map.weight.data() + o * inputs, means.data(), inputs);
  return map;
}

std::vector<double> output_variances(const PairMoments& moments, std::span<const double> weight) {
  const std::size_t inputs = moments.inputs();
  const std::vector<double> matrix = input_moments(moments, true);
  std::vector<double> variances(inputs > 0 ? weight.size() / inputs : 0);
  parallel_for(variances.size(), [&](std::size_t o) {
    const double* const row = weight.data() + o * inputs;
    for (std::size_t i = 0; i < inputs; ++i)
      variances[o] +=
          row[i] * (2 * dot(matrix.data() + i * inputs, row, i) + matrix[i * inputs + i] * row[i]);
    variances[o] = std::max(variances[o], 0.0);
  });
  return variances;
}

}  // namespace mgit
