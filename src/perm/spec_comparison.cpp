#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mgit/perm.h"
#include "perm/one_network.h"

namespace mgit {
namespace {

/// Where a group stands, in words that mean something in both specs.
using Places = std::set<std::string>;

std::string describe(const Spec& spec, const SpecTensor& tensor, std::size_t axis,
                     const Occurrence& place) {
  const std::uint32_t size = spec.groups[place.group].size;
  std::string text = fmt::format("{}:{}", tensor.name, axis);
  if (tensor.reshaped) text += fmt::format(" as {}", shape_text(tensor.shape()));
  const std::uint64_t end = place.offset + place.outer * size * place.inner;
  if (place.offset > 0 || end < tensor.axes[axis].length)
    text += fmt::format(" [{}, {})", place.offset, end);
  if (place.outer > 1) text += fmt::format(", {} times", place.outer);
  if (place.inner > 1) text += fmt::format(", blocks of {}", place.inner);
  if (place.step > 1 || place.first > 0)
    text += fmt::format(", from member {}, for {} each", place.first, place.step);
  return text;
}

std::vector<Places> places_of(const Spec& spec) {
  std::vector<Places> places(spec.groups.size());
  for (const SpecTensor& tensor : spec.tensors)
    for (std::size_t axis = 0; axis < tensor.axes.size(); ++axis)
      for (const Occurrence& place : tensor.axes[axis].occurrences)
        places[place.group].insert(describe(spec, tensor, axis, place));
  return places;
}

/// A group and everything it is inside of.
struct Meaning {
  std::vector<std::uint32_t> sizes;
  std::vector<bool> fixed;
  std::vector<Places> places;
  auto operator<=>(const Meaning&) const = default;
};

std::vector<Meaning> meanings(const Spec& spec, const std::vector<Places>& places) {
  std::vector<Meaning> result(spec.groups.size());
  for (std::uint32_t group = 0; group < result.size(); ++group)
    for (std::optional<std::uint32_t> at = group; at; at = spec.groups[*at].outer) {
      result[group].sizes.push_back(spec.groups[*at].size);
      result[group].fixed.push_back(spec.groups[*at].fixed);
      result[group].places.push_back(places[*at]);
    }
  return result;
}

std::vector<std::string> without(const Places& places, const Places& others) {
  std::vector<std::string> result;
  std::set_difference(places.begin(), places.end(), others.begin(), others.end(),
                      std::back_inserter(result));
  return result;
}

std::size_t common(const Places& a, const Places& b) { return a.size() - without(a, b).size(); }

}  // namespace

void require_one_network(const Spec& a, const Spec& b) {
  const auto same_tensor = [](const SpecTensor& x, const SpecTensor& y) {
    return x.name == y.name && element_count(x.shape()) == element_count(y.shape());
  };
  if (!std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                  same_tensor))
    throw Error("specs of different networks cannot be compared");
}

SpecComparison compare_specs(const Spec& a, const Spec& b) {
  require_one_network(a, b);
  const std::vector<Places> places_a = places_of(a);
  const std::vector<Places> places_b = places_of(b);
  std::multimap<Meaning, std::uint32_t> open;  // of b
  const std::vector<Meaning> meanings_b = meanings(b, places_b);
  for (std::uint32_t group = 0; group < meanings_b.size(); ++group)
    open.emplace(meanings_b[group], group);

  SpecComparison result;
  const std::vector<Meaning> meanings_a = meanings(a, places_a);
  for (std::uint32_t group = 0; group < meanings_a.size(); ++group) {
    if (const auto found = open.find(meanings_a[group]); found != open.end()) {
      open.erase(found);
      ++result.alike;
    } else {
      result.differences.push_back({group, std::nullopt, {}, {}});
    }
  }
  std::set<std::uint32_t> rest;
  for (const auto& [meaning, group] : open) rest.insert(group);
  for (GroupDifference& difference : result.differences) {
    const Places& here = places_a[*difference.a];
    const auto nearest =
        std::max_element(rest.begin(), rest.end(), [&](std::uint32_t x, std::uint32_t y) {
          return common(here, places_b[x]) < common(here, places_b[y]);
        });
    const bool beside = nearest != rest.end() && common(here, places_b[*nearest]) > 0;
    difference.only_a = without(here, beside ? places_b[*nearest] : Places());
    if (!beside) continue;
    difference.b = *nearest;
    difference.only_b = without(places_b[*nearest], here);
    rest.erase(nearest);
  }
  for (const std::uint32_t group : rest)
    result.differences.push_back(
        {std::nullopt, group, {}, {places_b[group].begin(), places_b[group].end()}});
  return result;
}

}  // namespace mgit
