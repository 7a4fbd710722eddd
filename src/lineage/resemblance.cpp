#include "lineage/resemblance.h"

#include <algorithm>
#include <sstream>

#include "mgit/match.h"

namespace mgit {
namespace {

constexpr double kSame = 0.5;
constexpr double kOther = 0.1;
constexpr std::uint64_t kTelling = 1000;  // elements: chance alone stays below 0.1
constexpr std::uint64_t kEnough = 1'000'000;
constexpr std::uint64_t kLargest = 16'000'000;

Shape parse_shape(const std::string& text) {
  Shape shape;
  std::istringstream stream(text);
  for (std::uint64_t length = 0; stream >> length; stream.ignore()) shape.push_back(length);
  return shape;
}

struct Pair {
  ManifestTensor older;
  ManifestTensor newer;
  std::uint64_t elements = 0;
};

/// Tensors of both that count for the cosine, smallest first.
std::vector<Pair> common_weights(Database& database, const Digest& older, const Digest& newer) {
  Statement query(database,
                  "SELECT new.name, new.dtype, new.shape, old.object, new.object FROM tensors AS"
                  " new JOIN tensors AS old USING(name, dtype, shape) WHERE old.manifest = ? AND"
                  " new.manifest = ? ORDER BY new.name");
  query.with(older, newer);
  std::vector<Pair> pairs;
  while (query.step()) {
    const auto dtype = dtype_from_name(query.text(1));
    const TensorInfo info{query.text(0), dtype.value_or(DType::kBool), parse_shape(query.text(2))};
    const std::uint64_t elements = element_count(info.shape).value_or(0);
    if (!is_arithmetic(info.dtype) || info.rank() < 2 || elements == 0 || elements > kLargest)
      continue;
    const Digest before = query.digest(3);
    const Digest after = query.digest(4);
    pairs.push_back({{info, before}, {info, after}, elements});
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.elements < b.elements; });
  return pairs;
}

/// Small ones tell little, and all of a large model is too much to read.
std::vector<Pair> sample(std::vector<Pair> pairs) {
  if (!pairs.empty() && pairs.back().elements >= kTelling)
    std::erase_if(pairs, [](const Pair& pair) { return pair.elements < kTelling; });
  std::uint64_t elements = 0;
  std::size_t count = 0;
  while (count < pairs.size() && elements < kEnough) elements += pairs[count++].elements;
  pairs.resize(count);
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return a.newer.info.name < b.newer.info.name; });
  return pairs;
}

}  // namespace

Resemblance resemblance(Database& database, const Store& store, const Digest& older,
                        const Digest& newer) {
  Manifest old_sample;
  Manifest new_sample;
  for (const Pair& pair : sample(common_weights(database, older, newer))) {
    if (!store.contains(pair.older.object) || !store.contains(pair.newer.object))
      return Resemblance::kUnknown;
    // The database does not say where in its storage a tensor lies.
    if (store.info(pair.older.object)->size != storage_size(pair.older) ||
        store.info(pair.newer.object)->size != storage_size(pair.newer))
      continue;
    old_sample.tensors.push_back(pair.older);
    new_sample.tensors.push_back(pair.newer);
  }
  if (new_sample.tensors.empty()) return Resemblance::kUnknown;
  const double value = cosine(StoredModel(store, old_sample), StoredModel(store, new_sample));
  if (value > kSame) return Resemblance::kSameTraining;
  return value < kOther ? Resemblance::kOtherTraining : Resemblance::kUnknown;
}

}  // namespace mgit
