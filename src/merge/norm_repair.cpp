#include "merge/norm_repair.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "merge/norm_variance.h"

namespace mgit {

/// One end; remembers the energies of its layers.
class NormRepair::Side {
 public:
  explicit Side(const TensorSource& model) : model_(model) {}

  NormSide at(double weight) {
    return {[this](std::string_view name) { return model_.read(name); },
            [this](const NormedLayer& layer) { return energies(layer); }, weight};
  }

 private:
  std::vector<double> energies(const NormedLayer& layer) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(layer.weight);
    if (found != known_.end()) return found->second;
    return known_[layer.weight] = channel_energies(model_.read(layer.weight).view, layer.axis);
  }

  const TensorSource& model_;
  std::mutex mutex_;
  std::map<std::string, std::vector<double>> known_;  // by the layer's weight
};

NormRepair::NormRepair(std::vector<BatchNorm> norms, const TensorSource& a, const TensorSource& b)
    : norms_(std::move(norms)), a_(std::make_unique<Side>(a)), b_(std::make_unique<Side>(b)) {}

NormRepair::~NormRepair() = default;

const BatchNorm* NormRepair::find(std::string_view variance) const {
  const auto at = std::lower_bound(
      norms_.begin(), norms_.end(), variance,
      [](const BatchNorm& norm, std::string_view name) { return norm.variance < name; });
  return at != norms_.end() && at->variance == variance ? &*at : nullptr;
}

Buffer NormRepair::variance(const BatchNorm& norm, double lambda,
                            const TensorSource& merged) const {
  const NormSide sides[] = {a_->at(1 - lambda), b_->at(lambda)};
  return merged_variance(norm, sides, [&merged](const NormedLayer& layer) {
    return channel_energies(merged.read(layer.weight).view, layer.axis);
  });
}

}  // namespace mgit
