#include "match/weights.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <set>

#include "base/threads.h"
#include "mgit/match.h"

namespace mgit {
namespace {

constexpr std::size_t kLanes = 16;

double sum_of(const double (&lanes)[kLanes]) {
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

void check_tensor(const SpecTensor& tensor, const TensorSource& source, const char* side) {
  const TensorInfo* info = source.find(tensor.name);
  if (info == nullptr)
    throw Error(fmt::format("the {} model has no such tensor", side), tensor.name);
  if (!fits(tensor, info->shape))
    throw Error(fmt::format("shape {} in the {} model, {} in the spec", shape_text(info->shape),
                            side, shape_text(tensor.shape())),
                tensor.name, "networks of different shape cannot be matched");
}

bool takes_part(const SpecTensor& tensor, const TensorSource& a, const TensorSource& b) {
  return tensor.match && is_arithmetic(a.find(tensor.name)->dtype) &&
         is_arithmetic(b.find(tensor.name)->dtype);
}

}  // namespace

FloatTensor::FloatTensor(TensorData data) : data_(std::move(data)) {
  const Bytes bytes = data_.view.data;
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0;
  if (data_.view.dtype == DType::kF32 && aligned) {
    values_ = {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
    return;
  }
  converted_.resize(element_count(data_.view.shape).value());
  to_float(data_.view, converted_);
  values_ = converted_;
}

bool FloatTensor::finite() const {
  std::uint32_t largest = 0;
  for (const float value : values_)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7fffffffU);
  return largest < 0x7f800000U;
}

std::vector<TensorPair> load_pairs(const Spec& spec, const TensorSource& a, const TensorSource& b) {
  std::vector<const SpecTensor*> matched;
  for (const SpecTensor& tensor : spec.tensors) {
    check_tensor(tensor, a, "first");
    check_tensor(tensor, b, "second");
    if (takes_part(tensor, a, b)) matched.push_back(&tensor);
  }
  std::vector<std::optional<TensorPair>> loaded(matched.size());
  parallel_for(matched.size(), [&](std::size_t i) {
    const std::string& name = matched[i]->name;
    loaded[i].emplace(TensorPair{matched[i], FloatTensor(a.read(name)), FloatTensor(b.read(name))});
    if (!loaded[i]->a.finite() || !loaded[i]->b.finite())
      throw Error(fmt::format("the {} model has values that are not finite",
                              loaded[i]->a.finite() ? "second" : "first"),
                  name);
  });
  std::vector<TensorPair> pairs;
  for (auto& pair : loaded) pairs.push_back(*std::move(pair));
  return pairs;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
  for (; i < a.size(); ++i)
    lanes[i % kLanes] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum_of(lanes);
}

double inner_product(const TensorPair& pair, std::span<const Gather> gathers) {
  const std::span<const float> b = pair.b.values();
  if (std::all_of(gathers.begin(), gathers.end(), [](const Gather& g) { return g.empty(); }))
    return dot(pair.a.values(), b);
  std::vector<float> gathered(b.size());
  gather_axes(std::as_bytes(b), sizeof(float), pair.spec->shape(), gathers,
              std::as_writable_bytes(std::span(gathered)));
  return dot(pair.a.values(), gathered);
}

double objective(const Spec& spec, const TensorSource& a, const TensorSource& b) {
  double sum = 0;
  for (const TensorPair& pair : load_pairs(spec, a, b))
    sum += dot(pair.a.values(), pair.b.values());
  return sum;
}

namespace {

/// Arithmetic tensors of rank `rank` or more that both have in one shape.
std::vector<std::string> common_tensors(const TensorSource& a, const TensorSource& b,
                                        std::size_t rank) {
  std::vector<std::string> names;
  for (const TensorInfo& info : a.tensors()) {
    const TensorInfo* other = b.find(info.name);
    if (info.rank() >= rank && is_arithmetic(info.dtype) && other != nullptr &&
        is_arithmetic(other->dtype) && other->shape == info.shape)
      names.push_back(info.name);
  }
  return names;
}

}  // namespace

double cosine(const TensorSource& a, const TensorSource& b) {
  std::vector<std::string> names = common_tensors(a, b, 2);
  if (names.empty()) names = common_tensors(a, b, 0);
  struct Products {
    double ab = 0, aa = 0, bb = 0;
  };
  std::vector<Products> products(names.size());
  parallel_for(names.size(), [&](std::size_t i) {
    const FloatTensor left(a.read(names[i]));
    const FloatTensor right(b.read(names[i]));
    products[i] = {dot(left.values(), right.values()), dot(left.values(), left.values()),
                   dot(right.values(), right.values())};
  });
  Products sum;
  for (const Products& p : products) sum = {sum.ab + p.ab, sum.aa + p.aa, sum.bb + p.bb};
  // Non-finite weights continue nothing.
  const double result = sum.ab / (std::sqrt(sum.aa) * std::sqrt(sum.bb));
  return std::isfinite(result) ? result : 0;
}

namespace {

/// Inner products of a tensor of A with that of B; of several tensors, their sums.
struct PairProducts {
  double before = 0;
  double after = 0;  // with B permuted
  double aa = 0;
  double bb = 0;

  PairProducts& operator+=(const PairProducts& other) {
    before += other.before;
    after += other.after;
    aa += other.aa;
    bb += other.bb;
    return *this;
  }
  Cosines cosines() const {
    const double norm = std::sqrt(aa) * std::sqrt(bb);
    return norm > 0 ? Cosines{before / norm, after / norm} : Cosines{};
  }
};

PairProducts products_of(const TensorPair& pair, std::span<const Gather> gathers) {
  return {dot(pair.a.values(), pair.b.values()), inner_product(pair, gathers),
          dot(pair.a.values(), pair.a.values()), dot(pair.b.values(), pair.b.values())};
}

std::set<std::uint32_t> groups_on(const SpecTensor& tensor) {
  std::set<std::uint32_t> groups;
  for (const SpecAxis& axis : tensor.axes)
    for (const Occurrence& place : axis.occurrences) groups.insert(place.group);
  return groups;
}

}  // namespace

CosineReport cosines(const Spec& spec, const TensorSource& a, const TensorSource& b,
                     const Permutation& permutation) {
  std::vector<PairProducts> of_tensor(spec.tensors.size());
  parallel_for(spec.tensors.size(), [&](std::size_t i) {
    const SpecTensor& tensor = spec.tensors[i];
    check_tensor(tensor, a, "first");
    check_tensor(tensor, b, "second");
    if (!takes_part(tensor, a, b)) return;
    const TensorPair pair{&tensor, FloatTensor(a.read(tensor.name)),
                          FloatTensor(b.read(tensor.name))};
    of_tensor[i] = products_of(pair, tensor_gathers(spec, tensor, permutation));
  });
  PairProducts all;
  std::vector<PairProducts> of_group(spec.groups.size());
  for (std::size_t i = 0; i < spec.tensors.size(); ++i) {
    all += of_tensor[i];
    for (const std::uint32_t group : groups_on(spec.tensors[i])) of_group[group] += of_tensor[i];
  }
  CosineReport report{all.cosines(), {}};
  for (const PairProducts& products : of_group) report.groups.push_back(products.cosines());
  return report;
}

UnitCount count_units(const MatchResult& match) {
  UnitCount units;
  for (const GroupMatch& group : match.groups) {
    units.all += group.size;
    units.moved += group.moved;
  }
  return units;
}

bool worth_moving(const MatchResult& match) {
  constexpr double kGain = 1.01;
  return match.objective_after > match.objective_before * kGain;
}

}  // namespace mgit
