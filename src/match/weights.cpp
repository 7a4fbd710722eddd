#include "match/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/threads.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// Bytes of two models that are kept in memory, in the order of the spec. What is beyond is read
/// again for each of its uses.
constexpr std::size_t kKept = std::size_t{1} << 30;

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

MatchedTensor::MatchedTensor(const TensorSource& source, const TensorInfo& info)
    : source_(&source), name_(info.name), size_(element_count(info.shape).value()) {}

namespace {

void survey(TensorPair& pair, bool keep) {
  TensorData a = pair.a.read();
  TensorData b = pair.b.read();
  std::vector<bool> wanted;
  for (const SpecAxis& axis : pair.spec->axes) wanted.push_back(!axis.occurrences.empty());
  pair.products = products(a.view, b.view, pair.spec->shape(), wanted, pair.distances);
  // Squares of floats are finite in double.
  const auto check = [&](double squares, const char* side) {
    if (!std::isfinite(squares))
      throw Error(fmt::format("the {} model has values that are not finite", side),
                  pair.spec->name);
  };
  check(pair.products.aa, "first");
  check(pair.products.bb, "second");
  if (!keep) return;
  pair.a.keep(std::move(a));
  pair.b.keep(std::move(b));
}

}  // namespace

std::vector<TensorPair> load_pairs(const Spec& spec, const TensorSource& a, const TensorSource& b) {
  std::vector<TensorPair> pairs;
  std::vector<bool> kept;
  std::size_t bytes = 0;
  for (const SpecTensor& tensor : spec.tensors) {
    check_tensor(tensor, a, "first");
    check_tensor(tensor, b, "second");
    if (!takes_part(tensor, a, b)) continue;
    const TensorInfo& left = *a.find(tensor.name);
    const TensorInfo& right = *b.find(tensor.name);
    pairs.push_back({&tensor, MatchedTensor(a, left), MatchedTensor(b, right)});
    bytes +=
        byte_size(left.dtype, left.shape).value() + byte_size(right.dtype, right.shape).value();
    kept.push_back(bytes <= kKept);
  }
  parallel_for(pairs.size(), [&](std::size_t i) { survey(pairs[i], kept[i]); });
  return pairs;
}

double inner_product(const TensorPair& pair, std::span<const Gather> gathers) {
  if (std::all_of(gathers.begin(), gathers.end(), [](const Gather& g) { return g.empty(); }))
    return pair.products.ab;
  const TensorData a = pair.a.read();
  const TensorData b = pair.b.read();
  TensorView moving = b.view;
  moving.shape = pair.spec->shape();
  Buffer moved(moving.data.size());
  gather_axes(moving, gathers, moved);
  moving.data = moved;
  return dot(a.view, moving);
}

double objective(const Spec& spec, const TensorSource& a, const TensorSource& b) {
  double sum = 0;
  for (const TensorPair& pair : load_pairs(spec, a, b)) sum += pair.products.ab;
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
  std::vector<Products> all(names.size());
  parallel_for(names.size(), [&](std::size_t i) {
    all[i] = products(a.read(names[i]).view, b.read(names[i]).view);
  });
  Products sum;
  for (const Products& p : all) sum = {sum.ab + p.ab, sum.aa + p.aa, sum.bb + p.bb};
  // Non-finite weights continue nothing.
  const double result = sum.ab / (std::sqrt(sum.aa) * std::sqrt(sum.bb));
  return std::isfinite(result) ? result : 0;
}

namespace {

/// Inner products of tensors of A with those of B, summed.
struct MovedProducts {
  Products before;
  double after = 0;  // <A, permuted B>

  void add(const Products& products, double moved) {
    before.ab += products.ab;
    before.aa += products.aa;
    before.bb += products.bb;
    after += moved;
  }
  Cosines cosines() const {
    const double norm = std::sqrt(before.aa) * std::sqrt(before.bb);
    return norm > 0 ? Cosines{before.ab / norm, after / norm} : Cosines{};
  }
};

std::set<std::uint32_t> groups_on(const SpecTensor& tensor) {
  std::set<std::uint32_t> groups;
  for (const SpecAxis& axis : tensor.axes)
    for (const Occurrence& place : axis.occurrences) groups.insert(place.group);
  return groups;
}

}  // namespace

CosineReport cosines_of(const Spec& spec, const std::vector<TensorPair>& pairs,
                        const std::vector<double>& after) {
  MovedProducts all;
  std::vector<MovedProducts> of_group(spec.groups.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    all.add(pairs[i].products, after[i]);
    for (const std::uint32_t group : groups_on(*pairs[i].spec))
      of_group[group].add(pairs[i].products, after[i]);
  }
  CosineReport report{all.cosines(), {}};
  for (const MovedProducts& products : of_group) report.groups.push_back(products.cosines());
  return report;
}

CosineReport cosines(const Spec& spec, const TensorSource& a, const TensorSource& b,
                     const Permutation& permutation) {
  const std::vector<TensorPair> pairs = load_pairs(spec, a, b);
  std::vector<double> after(pairs.size());
  parallel_for(pairs.size(), [&](std::size_t i) {
    after[i] = inner_product(pairs[i], tensor_gathers(spec, *pairs[i].spec, permutation));
  });
  return cosines_of(spec, pairs, after);
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
