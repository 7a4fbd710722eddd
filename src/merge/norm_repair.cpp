#include "merge/norm_repair.h"

#include <algorithm>

#include "merge/norm_variance.h"

namespace mgit {

NormRepair::NormRepair(std::vector<BatchNorm> norms, const TensorSource& a, const TensorSource& b)
    : norms_(std::move(norms)), a_(a), b_(b) {}

const BatchNorm* NormRepair::find(std::string_view variance) const {
  const auto at = std::lower_bound(
      norms_.begin(), norms_.end(), variance,
      [](const BatchNorm& norm, std::string_view name) { return norm.variance < name; });
  return at != norms_.end() && at->variance == variance ? &*at : nullptr;
}

Buffer NormRepair::variance(const BatchNorm& norm, double lambda,
                            const TensorSource& merged) const {
  const auto reader = [](const TensorSource& model) {
    return [&model](std::string_view name) { return model.read(name); };
  };
  const NormSide sides[] = {{reader(a_), 1 - lambda}, {reader(b_), lambda}};
  return merged_variance(norm, sides, reader(merged));
}

}  // namespace mgit
