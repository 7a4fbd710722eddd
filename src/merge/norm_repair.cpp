#include "merge/norm_repair.h"

#include "merge/norm_variance.h"

namespace mgit {

NormRepair::NormRepair(std::vector<BatchNorm> norms, const TensorSource& a, const TensorSource& b)
    : norms_(std::move(norms)), a_(a), b_(b) {}

Buffer NormRepair::variance(const BatchNorm& norm, double lambda,
                            const TensorSource& merged) const {
  const auto reader = [](const TensorSource& model) {
    return [&model](std::string_view name) { return model.read(name); };
  };
  const NormSide sides[] = {{reader(a_), 1 - lambda}, {reader(b_), lambda}};
  return merged_variance(norm, sides, reader(merged));
}

}  // namespace mgit
