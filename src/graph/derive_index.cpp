// Operators that choose places along an axis by numbers: indexing, gather, scatter.
#include <algorithm>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kChosen = "places that are chosen by their numbers";

/// x[a, :, b]: the axes that are indexed are pinned; what the indexes have for axes comes in.
bool index(const Call& call) {
  const auto self = call.value("self");
  const Argument* argument = call.node.find("indices");
  const auto* list =
      argument ? std::get_if<std::vector<std::optional<ValueId>>>(argument) : nullptr;
  if (!self || list == nullptr) return false;
  Terms& terms = call.terms();
  if (pieces(call)) return take_pieces(call);
  const Layout layout = call.layout(*self);
  if (list->size() > layout.dims.size()) return false;
  std::vector<Layout> indexes;
  std::vector<std::size_t> indexed;
  std::size_t rank = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i]) continue;
    const DType dtype = call.in.graph().values[*(*list)[i]].dtype;
    if (dtype == DType::kBool || dtype == DType::kU8) return false;
    indexes.push_back(call.layout(*(*list)[i]));
    rank = std::max(rank, indexes.back().dims.size());
    indexed.push_back(i);
  }
  if (indexed.empty()) return false;
  const Layout chosen = combine(call.in, indexes, rank);
  const bool together = indexed.back() - indexed.front() + 1 == indexed.size();
  const std::size_t place = together ? indexed.front() : 0;
  Layout result;
  std::size_t kept = 0;
  const auto insert = [&] {
    if (kept == place)
      result.dims.insert(result.dims.end(), chosen.dims.begin(), chosen.dims.end());
  };
  insert();
  for (std::size_t i = 0; i < layout.dims.size(); ++i) {
    if (std::find(indexed.begin(), indexed.end(), i) != indexed.end()) {
      terms.pin(layout.dims[i], kChosen);
      continue;
    }
    result.dims.push_back(layout.dims[i]);
    ++kept;
    insert();
  }
  call.in.set(call.output(), std::move(result));
  return true;
}

bool index_select(const Call& call) {
  const auto self = call.value("self");
  const auto chosen = call.value("index");
  if (!self || !chosen) return false;
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis) return false;
  call.terms().pin(layout.dims[*axis], kChosen);
  const Layout& by = call.layout(*chosen);
  layout.dims[*axis] = by.dims.empty() ? call.terms().unit() : by.dims[0];
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Along one axis each place is chosen for itself; along the others both move alike.
bool gather(const Call& call) {
  const auto self = call.value("self");
  const auto chosen = call.value("index");
  if (!self || !chosen || call.rank(*self) != call.rank(*chosen)) return false;
  Terms& terms = call.terms();
  const Layout layout = call.layout(*self);
  Layout result = call.layout(*chosen);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis) return false;
  std::vector<std::size_t> mixed = {*axis};
  for (std::size_t i = 0; i < layout.dims.size(); ++i) {
    if (i == *axis) {
      terms.pin(layout.dims[i], kChosen);
    } else if (terms.size(layout.dims[i]) != terms.size(result.dims[i])) {
      terms.pin(layout.dims[i], kChosen);
      terms.pin(result.dims[i], kChosen);
    } else {
      terms.unify(layout.dims[i], result.dims[i]);
    }
  }
  separate_others(call.in, layout, mixed);
  separate_others(call.in, result, mixed);
  result.loose.clear();
  call.in.set(call.output(), std::move(result));
  return true;
}

/// A copy of the value in which places along one axis, chosen each for itself, are written.
bool scatter(const Call& call) {
  const auto self = call.value("self");
  const auto chosen = call.value("index");
  if (!self || !chosen || call.rank(*self) != call.rank(*chosen)) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis) return false;
  std::vector<Layout> sides = {call.layout(*chosen)};
  if (const auto source = call.value({"src", "value"})) sides.push_back(call.layout(*source));
  for (const Layout& side : sides) {
    if (side.dims.empty()) continue;  // one number
    if (side.dims.size() != layout.dims.size()) return false;
    for (std::size_t i = 0; i < side.dims.size(); ++i) {
      if (i != *axis && terms.size(side.dims[i]) == terms.size(layout.dims[i])) {
        terms.unify(layout.dims[i], side.dims[i]);
      } else {
        terms.pin(layout.dims[i], kChosen);
        terms.pin(side.dims[i], kChosen);
      }
    }
    separate_others(call.in, side, {*axis});
  }
  separate_others(call.in, layout, {*axis});
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// A new axis with a place for each number.
bool one_hot(const Call& call) {
  const auto self = call.value("self");
  if (!self || call.rank(call.output()) != call.rank(*self) + 1) return false;
  Layout layout = call.layout(*self);
  layout.dims.push_back(call.terms().fixed(call.shape(call.output()).back(), kChosen));
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Which interval each number lies in.
bool bucketize(const Call& call) {
  const auto self = call.value("self");
  const auto borders = call.value("boundaries");
  if (!self || !borders) return false;
  call.in.pin(*borders, kChosen);
  call.in.set(call.output(), call.layout(*self));
  return true;
}

constexpr RuleRow kRules[] = {{"index", index},
                              {"_unsafe_index", index},
                              {"index_select", index_select},
                              {"gather", gather},
                              {"scatter", scatter},
                              {"scatter_add", scatter},
                              {"scatter_reduce", scatter},
                              {"one_hot", one_hot},
                              {"bucketize", bucketize}};

}  // namespace

std::span<const RuleRow> index_rules() { return kRules; }

}  // namespace mgit::derivation
