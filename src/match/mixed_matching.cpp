#include "match/mixed_matching.h"

#include <algorithm>
#include <cmath>

#include "match/weighting.h"
#include "match/weights.h"

namespace mgit {
namespace {

/// A model with further tensors. Keeps a reference.
class ExtendedModel : public TensorSource {
 public:
  ExtendedModel(const TensorSource& model, MemoryModel more)
      : model_(model), more_(std::move(more)), infos_(model.tensors()) {
    infos_.insert(infos_.end(), more_.tensors().begin(), more_.tensors().end());
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override {
    return more_.find(name) != nullptr ? more_.read(name) : model_.read(name);
  }

 private:
  const TensorSource& model_;
  MemoryModel more_;
  std::vector<TensorInfo> infos_;
};

/// The largest products that the tensors of each group could have with those of B.
std::vector<double> weights_of_groups(const Spec& spec, const TensorSource& a,
                                      const TensorSource& b) {
  std::vector<double> sums(spec.groups.size());
  for (const TensorPair& pair : load_pairs(spec, a, b)) {
    const double product = std::sqrt(pair.products.aa * pair.products.bb);
    std::vector<bool> counted(spec.groups.size());
    for (const SpecAxis& axis : pair.spec->axes)
      for (const Occurrence& place : axis.occurrences) {
        if (!counted[place.group]) sums[place.group] += product;
        counted[place.group] = true;
      }
  }
  return sums;
}

Buffer bytes_of(const std::vector<float>& values) {
  const Bytes bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

/// What units compute, as tensors: the identity in A, and in B row j has the similarities of all
/// units of A to unit j. Their product, B's rows permuted, is the sum of the units' similarities.
struct Activity {
  std::vector<SpecTensor> axes;
  MemoryModel a;
  MemoryModel b;

  void add(const Spec& spec, std::uint32_t group, const std::vector<double>& similarity,
           double weight) {
    const std::size_t n = spec.groups[group].size;
    if (similarity.size() != n * n) return;
    std::vector<float> ones(n * n);
    std::vector<float> rows(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      ones[i * n + i] = 1;
      for (std::size_t j = 0; j < n; ++j)
        rows[j * n + i] =
            static_cast<float>(similarity[i * n + j] * weight / static_cast<double>(n));
    }
    const TensorInfo info{"units of " + spec.groups[group].name, DType::kF32, {n, n}};
    axes.push_back({info.name, {{n, {{group, 0, 1, 1}}}, {n, {}}}});
    a.set(info, bytes_of(ones));
    b.set(info, bytes_of(rows));
  }
};

}  // namespace

MatchResult match_mixed(const MatchingInput& input) {
  constexpr const char* kHint = "match by weights: --method weights";
  if (input.similarity == nullptr) throw Error("mixed matching needs data", "", kHint);
  const WeightedModels weighted(input.spec, input.a, input.b, input.options.weighting);
  const std::vector<double> weights = weights_of_groups(weighted.spec(), weighted.a(), input.b);
  Activity activity;
  for (std::uint32_t group = 0; group < input.spec.groups.size(); ++group)
    activity.add(input.spec, group, input.similarity->at(group), weights[group]);
  if (activity.axes.empty())
    throw Error("no values show what the units of any group compute", "", kHint);
  Spec spec = weighted.spec();
  spec.tensors.insert(spec.tensors.end(), activity.axes.begin(), activity.axes.end());
  MatchOptions options = input.options;
  options.weighting = Weighting::kRaw;  // as they are weighted now
  MatchResult result = match_weights(spec, ExtendedModel(weighted.a(), std::move(activity.a)),
                                     ExtendedModel(input.b, std::move(activity.b)), options);
  result.cosines.reset();  // with what units compute
  return result;
}

}  // namespace mgit
