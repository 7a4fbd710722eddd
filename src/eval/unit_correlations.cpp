#include "eval/unit_correlations.h"

#include <algorithm>
#include <cmath>

#include "mgit/format.h"

namespace mgit {
namespace {

TorchTensor torch_call(const std::string& op, const std::vector<TorchArgument>& arguments) {
  return call_torch_for_one("aten." + op, arguments);
}

/// [units, all else], F64.
TorchTensor units_first(const TorchTensor& values, std::size_t axis) {
  const TorchTensor moved = torch_call("movedim", {{"self", values},
                                                   {"source", static_cast<std::int64_t>(axis)},
                                                   {"destination", std::int64_t{0}}});
  return torch_call("flatten",
                    {{"self", torch_call("unsqueeze", {{"self", moved}, {"dim", std::int64_t{1}}})},
                     {"start_dim", std::int64_t{1}}})
      .to(DType::kF64);
}

TorchTensor row_sums(const TorchTensor& rows) {
  return torch_call("sum", {{"self", rows}, {"dim", std::vector<std::int64_t>{1}}});
}

/// Adds in float64 what batches give, one after the other.
void add_up(std::vector<double>& sums, const TorchTensor& batch) {
  const std::vector<double> values = batch.doubles();
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

/// Sums over what one value holds in both models.
class PairSums {
 public:
  void add_batch(const TorchTensor& a, const TorchTensor& b, std::size_t axis) {
    const TorchTensor left = units_first(a, axis);
    const TorchTensor right = units_first(b, axis);
    count_ += static_cast<double>(left.shape().back());
    add_up(a_, row_sums(left));
    add_up(b_, row_sums(right));
    add_up(a_squares_, row_sums(torch_call("square", {{"self", left}})));
    add_up(b_squares_, row_sums(torch_call("square", {{"self", right}})));
    add_up(products_,
           torch_call("matmul", {{"self", left}, {"other", torch_call("t", {{"self", right}})}}));
  }

  void add_correlations(std::vector<double>& out, double weight) const {
    const std::vector<double> left = spreads(a_, a_squares_);
    const std::vector<double> right = spreads(b_, b_squares_);
    out.resize(products_.size());
    for (std::size_t i = 0; i < left.size(); ++i)
      for (std::size_t j = 0; j < right.size(); ++j) {
        const double spread = left[i] * right[j];
        const double together =
            products_[i * right.size() + j] / count_ - a_[i] / count_ * (b_[j] / count_);
        if (spread > 0)
          out[i * right.size() + j] += weight * std::clamp(together / spread, -1.0, 1.0);
      }
  }

 private:
  /// Standard deviations; 0 for what is only rounding.
  std::vector<double> spreads(const std::vector<double>& sums,
                              const std::vector<double>& squares) const {
    constexpr double kRounding = 1e-12;
    std::vector<double> result(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double mean = sums[i] / count_;
      const double square = squares[i] / count_;
      const double variance = square - mean * mean;
      result[i] = variance > kRounding * square ? std::sqrt(variance) : 0;
    }
    return result;
  }

  double count_ = 0;
  std::vector<double> a_, b_, a_squares_, b_squares_, products_;
};

}  // namespace

std::vector<std::vector<double>> unit_correlations(
    GraphNetwork& network, const TensorSource& a, const TensorSource& b, const ChooseUnits& choose,
    const std::function<void(std::uint64_t done)>& progress) {
  network.set_weights(a);
  GraphRunner& ours = network.runner();
  GraphRunner theirs = ours;
  theirs.set_weights(b);
  const std::vector<std::vector<UnitAxis>> groups = choose(ours.graph(), ours.prefix());
  std::vector<ValueId> wanted;
  std::vector<PairSums> sums;
  for (const auto& group : groups)
    for (const UnitAxis& place : group) wanted.push_back(place.value);
  sums.resize(wanted.size());
  std::uint64_t done = 0;
  network.for_each_batch(0, network.samples(), [&](const GraphBatch& batch) {
    const std::vector<TorchTensor> left = ours.run(batch.inputs, wanted);
    const std::vector<TorchTensor> right = theirs.run(batch.inputs, wanted);
    std::size_t i = 0;
    for (const auto& group : groups)
      for (const UnitAxis& place : group) {
        sums[i].add_batch(batch.cut(left[i]), batch.cut(right[i]), place.axis);
        ++i;
      }
    done += batch.samples;
    if (progress) progress(done);
  });
  std::vector<std::vector<double>> result(groups.size());
  std::size_t i = 0;
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t place = 0; place < groups[g].size(); ++place)
      sums[i++].add_correlations(result[g], 1 / static_cast<double>(groups[g].size()));
  return result;
}

}  // namespace mgit
