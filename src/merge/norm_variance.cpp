#include "merge/norm_variance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>

#include "base/threads.h"
#include "merge/layer_rows.h"

namespace mgit {
namespace {

constexpr std::size_t kChannels = 64;  // that are predicted from each other
constexpr double kRidge = 0.1;

double square(double value) { return value * value; }

/// Solves A x = b for a symmetric, positive definite A, by Cholesky; A is overwritten.
std::vector<double> solve(std::vector<double>& a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      const std::span<const double> row(a);
      const double sum = a[i * n + j] - inner_product(row.subspan(i * n, j), row.subspan(j * n, j));
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

/// Rows of a block of channels, each with its squared length.
class RowBlock {
 public:
  RowBlock(const LayerRows& rows, std::size_t begin, std::size_t count)
      : length_(rows.length()), values_(count * length_), energies_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      rows.read(begin + i, std::span(values_).subspan(i * length_, length_));
      energies_[i] = inner_product(row(i), row(i));
    }
  }

  std::span<const double> row(std::size_t i) const {
    return std::span(values_).subspan(i * length_, length_);
  }
  double energy(std::size_t i) const { return energies_[i]; }

 private:
  std::size_t length_;
  std::vector<double> values_;
  std::vector<double> energies_;
};

/// A side of a layer while its merged channels are predicted.
struct LayerSide {
  TensorData data;
  LayerRows rows;
  std::span<const double> variance;  // of the layer's channels
  double share;                      // of 1
};

/// What the rows of all sides say of the gain of a direction.
class GainRegression {
 public:
  void add(std::span<const double> row, double energy, double variance) {
    rows_.push_back({row, energy});
    gains_.push_back(std::log(variance / energy));
  }

  void fit() {
    const std::size_t n = rows_.size();
    if (n == 0) return;
    for (const double gain : gains_) mean_ += gain;
    mean_ /= static_cast<double>(n);
    std::vector<double> likeness(n * n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        likeness[i * n + j] = likeness[j * n + i] = alike(rows_[i], rows_[j]);
    for (std::size_t i = 0; i < n; ++i) likeness[i * n + i] += kRidge;
    std::vector<double> centred(gains_);
    for (double& gain : centred) gain -= mean_;
    weights_ = solve(likeness, std::move(centred));
  }

  double predict(std::span<const double> row, double energy) const {
    double gain = mean_;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      gain += weights_[i] * alike(rows_[i], {row, energy});
    return gain;
  }
  /// How much the gain of the row that was added as the `index`th one is above its prediction.
  double rest(std::size_t index) const { return kRidge * weights_[index]; }

 private:
  struct Row {
    std::span<const double> values;
    double energy;
  };
  static double alike(const Row& a, const Row& b) {
    return square(inner_product(a.values, b.values)) / (a.energy * b.energy);
  }

  std::vector<Row> rows_;
  std::vector<double> gains_;
  std::vector<double> weights_;
  double mean_ = 0;
};

bool is_positive(double value) { return value > 0 && std::isfinite(value); }

/// Channels begin .. begin + count of a layer; `out` holds the weighted means, which stay where
/// nothing can be predicted.
void predict_block(std::span<const LayerSide> sides, const LayerRows& merged, std::size_t begin,
                   std::span<double> out) {
  std::vector<RowBlock> blocks;
  blocks.reserve(sides.size());
  for (const LayerSide& side : sides) blocks.emplace_back(side.rows, begin, out.size());
  const RowBlock result(merged, begin, out.size());
  const auto is_known = [&](std::size_t i) {
    for (std::size_t s = 0; s < sides.size(); ++s)
      if (!is_positive(blocks[s].energy(i)) || !is_positive(sides[s].variance[begin + i]))
        return false;
    return std::isfinite(result.energy(i));
  };
  GainRegression regression;
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!is_known(i)) continue;
    known.push_back(i);
    for (std::size_t s = 0; s < sides.size(); ++s)
      regression.add(blocks[s].row(i), blocks[s].energy(i), sides[s].variance[begin + i]);
  }
  regression.fit();
  for (std::size_t k = 0; k < known.size(); ++k) {
    const std::size_t i = known[k];
    const double energy = result.energy(i);
    if (energy == 0) {
      out[i] = 0;
      continue;
    }
    double gain = regression.predict(result.row(i), energy);
    for (std::size_t s = 0; s < sides.size(); ++s)
      gain += sides[s].share * regression.rest(k * sides.size() + s) *
              square(inner_product(result.row(i), blocks[s].row(i))) /
              (energy * blocks[s].energy(i));
    out[i] = energy * std::exp(gain);
  }
}

class MergedVariance {
 public:
  MergedVariance(std::span<const NormSide> sides, const TensorReader& merged,
                 const std::string& variance)
      : merged_(merged) {
    double total = 0;
    for (const NormSide& side : sides) total += side.weight;
    for (const NormSide& side : sides) {
      const TensorData data = side.read(variance);
      dtype_ = data.view.dtype;
      result_.resize(*element_count(data.view.shape));
      // A weight of zero takes no part, not even with an infinity.
      if (side.weight == 0) continue;
      sides_.push_back({side.read, side.weight / total, std::vector<double>(result_.size())});
      to_double(data.view, sides_.back().variance);
      for (std::size_t i = 0; i < result_.size(); ++i)
        result_[i] += sides_.back().share * sides_.back().variance[i];
    }
  }

  void take(const NormedChannels& part) {
    if (part.layers.size() == 1) predict(part, part.layers.front());
    if (part.layers.size() > 1) scale(part);
  }

  Buffer rounded() const {
    Buffer bytes(result_.size() * (dtype_bits(dtype_) / 8));
    from_double(result_, dtype_, bytes);
    return bytes;
  }

 private:
  struct Side {
    TensorReader read;
    double share;
    std::vector<double> variance;
  };

  void predict(const NormedChannels& part, const NormedLayer& layer) {
    std::vector<LayerSide> sides;
    for (const Side& side : sides_) {
      TensorData data = side.read(layer.weight);
      const LayerRows rows(data.view, layer.axis);
      sides.push_back(
          {std::move(data), rows, std::span(side.variance).subspan(part.begin), side.share});
    }
    const TensorData merged = merged_(layer.weight);
    const LayerRows rows(merged.view, layer.axis);
    // Channels that see inputs of their own say nothing of each other.
    const std::size_t size = layer.grouped ? 1 : kChannels;
    const std::size_t count = part.end - part.begin;
    parallel_for((count + size - 1) / size, [&](std::size_t block) {
      const std::size_t begin = block * size;
      predict_block(sides, rows, begin,
                    std::span(result_).subspan(part.begin + begin, std::min(size, count - begin)));
    });
  }

  static std::vector<double> energies(const TensorView& weight, std::size_t axis) {
    const LayerRows rows(weight, axis);
    std::vector<double> energies(rows.count());
    parallel_for(rows.count(), [&](std::size_t i) {
      std::vector<double> row(rows.length());
      rows.read(i, row);
      energies[i] = inner_product(row, row);
    });
    return energies;
  }

  using Ratios = std::vector<std::vector<double>>;  // by side, by channel: merged to the side's

  /// Several parts of a concatenation may have the same writers.
  const Ratios& ratios_of(const NormedLayer& layer) {
    const auto [at, fresh] = ratios_.try_emplace(layer.weight);
    if (!fresh) return at->second;
    const std::vector<double> after = energies(merged_(layer.weight).view, layer.axis);
    for (const Side& side : sides_) {
      std::vector<double> ratio = energies(side.read(layer.weight).view, layer.axis);
      for (std::size_t i = 0; i < ratio.size(); ++i) ratio[i] = after[i] / ratio[i];
      at->second.push_back(std::move(ratio));
    }
    return at->second;
  }

  void scale(const NormedChannels& part) {
    const std::size_t count = part.end - part.begin;
    Ratios sums(sides_.size(), std::vector<double>(count));
    for (const NormedLayer& layer : part.layers) {
      const Ratios& ratios = ratios_of(layer);
      for (std::size_t s = 0; s < sides_.size(); ++s)
        for (std::size_t i = 0; i < count; ++i) sums[s][i] += ratios[s][i];
    }
    for (std::size_t i = 0; i < count; ++i) {
      double variance = 0;
      for (std::size_t s = 0; s < sides_.size(); ++s)
        variance += sides_[s].share * sides_[s].variance[part.begin + i] * sums[s][i] /
                    static_cast<double>(part.layers.size());
      if (std::isfinite(variance)) result_[part.begin + i] = variance;
    }
  }

  const TensorReader& merged_;
  std::vector<Side> sides_;
  DType dtype_ = DType::kF32;
  std::vector<double> result_;
  std::map<std::string, Ratios> ratios_;  // by the layer's weight
};

}  // namespace

Buffer merged_variance(const BatchNorm& norm, std::span<const NormSide> sides,
                       const TensorReader& merged) {
  MergedVariance variance(sides, merged, norm.variance);
  for (const NormedChannels& part : norm.channels) variance.take(part);
  return variance.rounded();
}

}  // namespace mgit
