#include "store/recode.h"

#include <algorithm>
#include <unordered_set>

#include "coding/delta.h"
#include "store/record_frames.h"
#include "store/stored_form.h"

namespace mgit {
namespace {

/// Versions that are tried as a base.
constexpr std::size_t kMostCandidates = 3;
/// Smaller objects have nothing to gain; larger ones would not fit into memory several times.
constexpr std::uint64_t kSmallest = 4096;
constexpr std::uint64_t kLargest = std::uint64_t{256} << 20;
/// A record has to become this much smaller to be written anew.
constexpr double kWorthIt = 0.99;

double sampled_ratio(const TensorView& tensor, Bytes base_data) {
  const auto frames = frames_in_memory(base_data);
  return DeltaCoder(tensor.data, *frames, dtype_bits(tensor.dtype) / 8).ratio();
}

}  // namespace

Recoder::Recoder(ObjectStore& objects, const std::unordered_map<Digest, Location>& rows)
    : objects_(objects), rows_(rows) {
  for (const auto& [object, location] : rows) raise(object);
}

std::optional<Digest> Recoder::base_of(const Digest& object) const {
  if (const auto found = new_bases_.find(object); found != new_bases_.end()) return found->second;
  const auto row = rows_.find(object);
  return row == rows_.end() ? std::nullopt : row->second.info.base;
}

std::size_t Recoder::depth(const Digest& object) const {
  std::size_t depth = 0;
  for (auto base = base_of(object); base && depth <= kLongestChain; base = base_of(*base)) ++depth;
  return depth;
}

/// Everything below an object carries at least what stands on it.
void Recoder::raise(const Digest& object) {
  std::size_t height = heights_[object];
  std::size_t steps = 0;
  for (auto base = base_of(object); base && steps <= kLongestChain; base = base_of(*base), ++steps)
    heights_[*base] = std::max(heights_[*base], ++height);
}

/// Were the index lost between gc's last steps, old and new records could be mixed: no mixture may
/// be a cycle, so neither old nor new bases lead back.
bool Recoder::may_stand_on(const Digest& object, const Digest& base) const {
  const auto height = heights_.find(object);
  const std::size_t above = height == heights_.end() ? 0 : height->second;
  if (depth(base) + 1 + above > kLongestChain) return false;
  std::vector<Digest> open{base};
  std::unordered_set<Digest> seen;
  while (!open.empty()) {
    const Digest at = open.back();
    open.pop_back();
    if (at == object) return false;
    if (!seen.insert(at).second) continue;
    if (const auto now = base_of(at)) open.push_back(*now);
    const auto row = rows_.find(at);
    if (row != rows_.end() && row->second.info.base) open.push_back(*row->second.info.base);
  }
  return true;
}

void Recoder::stand_on(const Digest& object, const Digest& base) {
  new_bases_[object] = base;
  raise(object);
}

std::vector<Digest> Recoder::candidates(const TensorVersions& versions, std::size_t index) const {
  const Digest& object = versions.objects[index];
  const Location& location = rows_.at(object);
  std::vector<Digest> found;
  if (location.info.base) found.push_back(*location.info.base);
  for (std::size_t i = index; i > 0 && found.size() < kMostCandidates; --i) {
    const Digest& earlier = versions.objects[i - 1];
    const auto row = rows_.find(earlier);
    if (row != rows_.end() && row->second.info.size == location.info.size &&
        std::ranges::find(found, earlier) == found.end() && may_stand_on(object, earlier))
      found.push_back(earlier);
  }
  return found;
}

std::optional<Recoded> Recoder::recode(const TensorVersions& versions, std::size_t index) {
  const Digest& object = versions.objects[index];
  const ObjectInfo& now = rows_.at(object).info;
  const bool done = now.encoding == Encoding::kView || now.encoding == Encoding::kLowRank;
  if (done || now.size < kSmallest || now.size > kLargest) return std::nullopt;
  const std::vector<Digest> bases = candidates(versions, index);
  if (bases.empty()) return std::nullopt;
  try {
    const Buffer data = objects_.read(objects_.record(object));
    const TensorView tensor{versions.dtype, versions.shape, data};
    std::optional<Digest> base;
    Buffer base_data;
    double best = 1;
    for (const Digest& candidate : bases) {
      Buffer content = objects_.read(objects_.record(candidate));
      const double ratio = sampled_ratio(tensor, content);
      if (ratio >= best) continue;
      best = ratio;
      base = candidate;
      base_data = std::move(content);
    }
    if (!base) return std::nullopt;
    StoredForm form = smallest_form(tensor, *base, base_data);
    Recoded recoded{header_of(form, object, data.size()), std::move(form.payload.front())};
    const std::uint64_t size = kRecordHeaderSize + recoded.payload.size();
    if (static_cast<double>(size) > kWorthIt * static_cast<double>(now.stored)) return std::nullopt;
    stand_on(object, *base);
    return recoded;
  } catch (const CorruptError&) {
    return std::nullopt;
  } catch (const MissingError&) {
    return std::nullopt;
  }
}

}  // namespace mgit
