#include "mgit/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "merge/norm_repair.h"
#include "merge/tensor_role.h"

namespace mgit {
namespace {

constexpr std::size_t kBlock = 1 << 16;  // elements; bounds the doubles in flight

/// Elements first..first+count of a tensor, as a vector.
TensorView slice(const TensorView& tensor, std::size_t first, std::size_t count) {
  const std::size_t size = dtype_bits(tensor.dtype) / 8;
  return {tensor.dtype, {count}, tensor.data.subspan(first * size, count * size)};
}

void check(std::span<const TensorView> tensors, std::span<const double> weights) {
  if (tensors.empty() || tensors.size() != weights.size())
    throw Error("a weighted mean needs one weight per tensor");
  for (const TensorView& tensor : tensors) {
    if (tensor.dtype != tensors[0].dtype || tensor.shape != tensors[0].shape)
      throw Error(fmt::format("{} {} and {} {} cannot be averaged", dtype_name(tensors[0].dtype),
                              shape_text(tensors[0].shape), dtype_name(tensor.dtype),
                              shape_text(tensor.shape)));
    if (byte_size(tensor.dtype, tensor.shape) != tensor.data.size())
      throw Error("tensor data does not fit its shape " + shape_text(tensor.shape));
  }
}

double sum_of(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  if (!std::isfinite(sum) || sum <= 0) throw Error("weights do not sum to a positive number");
  return sum;
}

std::string describe(const TensorInfo& info) {
  return fmt::format("{} {}", dtype_name(info.dtype), shape_text(info.shape));
}

}  // namespace

Buffer weighted_mean(std::span<const TensorView> tensors, std::span<const double> weights) {
  check(tensors, weights);
  const double total = sum_of(weights);
  const TensorView& first = tensors[0];
  Buffer result(first.data.begin(), first.data.end());
  if (!is_arithmetic(first.dtype)) return result;

  const std::size_t size = dtype_bits(first.dtype) / 8;
  const std::size_t elements = first.data.size() / size;
  parallel_for((elements + kBlock - 1) / kBlock, [&](std::size_t block) {
    const std::size_t begin = block * kBlock;
    const std::size_t count = std::min(kBlock, elements - begin);
    std::vector<double> sum(count);
    std::vector<double> values(count);
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      // A weight of zero takes no part, not even with an infinity.
      if (weights[t] == 0) continue;
      to_double(slice(tensors[t], begin, count), values);
      for (std::size_t i = 0; i < count; ++i) sum[i] += weights[t] * values[i];
    }
    for (double& value : sum) value /= total;
    from_double(sum, first.dtype, std::span(result).subspan(begin * size, count * size));
  });
  return result;
}

InterpolatedModel::InterpolatedModel(const TensorSource& a, const TensorSource& b, double lambda,
                                     const NormRepair* repair)
    : a_(a),
      b_(b),
      lambda_(lambda),
      repair_(repair),
      roles_(std::make_shared<TensorRoles>(a.tensors())) {}

TensorData InterpolatedModel::read(std::string_view name) const {
  TensorData ours = a_.read(name);
  if (lambda_ == 0) return ours;
  if (const BatchNorm* norm = repair_ == nullptr ? nullptr : repair_->find(name))
    return repaired(*norm);
  const auto index = static_cast<std::size_t>(a_.find(name) - a_.tensors().data());
  if (const TensorUnit* unit = roles_->unit_of(index)) {
    if (lambda_ == 1) return b_.read(name);
    require_equal_codes(*unit);
  } else if (roles_->of(index) != TensorRole::kAveraged) {
    return ours;
  }
  if (!is_arithmetic(ours.view.dtype)) return ours;
  const TensorData theirs = b_.read(name);
  const TensorView views[] = {ours.view, theirs.view};
  const double weights[] = {1 - lambda_, lambda_};
  const auto mean = std::make_shared<const Buffer>(weighted_mean(views, weights));
  return {{ours.view.dtype, ours.view.shape, *mean}, mean};
}

TensorData InterpolatedModel::repaired(const BatchNorm& norm) const {
  const TensorInfo& info = *a_.find(norm.variance);
  const auto variance = std::make_shared<const Buffer>(repair_->variance(norm, lambda_, *this));
  return {{info.dtype, info.shape, *variance}, variance};
}

void InterpolatedModel::require_equal_codes(const TensorUnit& unit) const {
  for (const std::size_t member : unit.members) {
    if (!roles_->is_code(member)) continue;
    const TensorInfo& info = roles_->tensors()[member];
    const TensorData ours = a_.read(info.name);
    const TensorData theirs = b_.read(info.name);
    if (!std::equal(ours.view.data.begin(), ours.view.data.end(), theirs.view.data.begin(),
                    theirs.view.data.end()))
      throw Error(fmt::format("{}: other codes here and there, and nothing between them",
                              dtype_name(info.dtype)),
                  info.name, "compare the models before they were quantised");
  }
}

std::vector<std::string> incompatibilities(const std::vector<TensorInfo>& ours,
                                           const std::vector<TensorInfo>& theirs) {
  std::vector<std::string> reasons;
  const auto find = [](const std::vector<TensorInfo>& infos, const std::string& name) {
    const auto at = std::lower_bound(
        infos.begin(), infos.end(), name,
        [](const TensorInfo& info, const std::string& key) { return info.name < key; });
    return at != infos.end() && at->name == name ? &*at : nullptr;
  };
  for (const TensorInfo& info : ours) {
    const TensorInfo* other = find(theirs, info.name);
    if (other == nullptr) {
      reasons.push_back(fmt::format("{}: {} here, absent there", info.name, describe(info)));
    } else if (*other != info) {
      reasons.push_back(
          fmt::format("{}: {} here, {} there", info.name, describe(info), describe(*other)));
    }
  }
  for (const TensorInfo& info : theirs)
    if (find(ours, info.name) == nullptr)
      reasons.push_back(fmt::format("{}: absent here, {} there", info.name, describe(info)));
  return reasons;
}

}  // namespace mgit
