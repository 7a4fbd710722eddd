// The table of operators, and what is asked of an operator by its name.
#include "graph/derive_rules.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace mgit::derivation {
namespace {

constexpr std::string_view kPrefix = "aten.";

constexpr std::string_view kViews[] = {"_reshape_alias",
                                       "_unsafe_view",
                                       "adjoint",
                                       "alias",
                                       "chunk",
                                       "contiguous",
                                       "detach",
                                       "expand",
                                       "expand_as",
                                       "flatten",
                                       "mH",
                                       "mT",
                                       "moveaxis",
                                       "movedim",
                                       "narrow",
                                       "numpy_T",
                                       "permute",
                                       "ravel",
                                       "reshape",
                                       "reshape_as",
                                       "select",
                                       "slice",
                                       "split",
                                       "split_with_sizes",
                                       "squeeze",
                                       "swapaxes",
                                       "swapdims",
                                       "t",
                                       "to",
                                       "transpose",
                                       "type_as",
                                       "unbind",
                                       "unflatten",
                                       "unfold",
                                       "unsqueeze",
                                       "view",
                                       "view_as",
                                       "broadcast_to",
                                       "real",
                                       "dropout",
                                       "feature_dropout",
                                       "alpha_dropout",
                                       "float",
                                       "double",
                                       "half",
                                       "lift_fresh",
                                       "_to_copy",
                                       "requires_grad",
                                       "positive",
                                       "identity",
                                       "feature_alpha_dropout"};

using AxisMap = std::vector<std::optional<std::size_t>>;

std::string_view plain_name(std::string_view op) {
  if (op.starts_with(kPrefix)) op.remove_prefix(kPrefix.size());
  if (op.size() > 1 && op.ends_with('_') && !op.ends_with("__")) op.remove_suffix(1);
  return op;
}

AxisMap identity_map(std::size_t rank) {
  AxisMap map;
  for (std::size_t i = 0; i < rank; ++i) map.emplace_back(i);
  return map;
}

std::optional<AxisMap> swap_axes(std::size_t rank, std::optional<std::size_t> a,
                                 std::optional<std::size_t> b) {
  if (!a || !b) return std::nullopt;
  AxisMap map = identity_map(rank);
  std::swap(map[*a], map[*b]);
  return map;
}

std::optional<AxisMap> permute_axes(const Call& call, std::size_t rank) {
  const auto dims = call.numbers("dims");
  if (!dims || dims->size() != rank) return std::nullopt;
  AxisMap map;
  std::set<std::size_t> seen;
  for (const std::int64_t dim : *dims) {
    const auto axis = Call::axis(dim, rank);
    if (!axis || !seen.insert(*axis).second) return std::nullopt;
    map.emplace_back(*axis);
  }
  return map;
}

std::optional<AxisMap> move_axes(const Call& call, std::size_t rank) {
  const auto source = call.numbers("source");
  const auto destination = call.numbers("destination");
  if (!source || !destination || source->size() != destination->size()) return std::nullopt;
  AxisMap map(rank);
  std::set<std::size_t> moved;
  for (std::size_t i = 0; i < source->size(); ++i) {
    const auto from = Call::axis((*source)[i], rank);
    const auto to = Call::axis((*destination)[i], rank);
    if (!from || !to || map[*to] || !moved.insert(*from).second) return std::nullopt;
    map[*to] = *from;
  }
  std::size_t next = 0;
  for (auto& from : map) {
    if (from) continue;
    while (moved.contains(next)) ++next;
    from = next++;
  }
  return map;
}

std::optional<AxisMap> squeeze_axes(const Call& call, const std::vector<Length>& shape) {
  std::vector<std::size_t> dropped;
  if (call.given("dim")) {
    const auto axes = call.axes("dim", shape.size());
    if (!axes) return std::nullopt;
    dropped = *axes;
  } else {
    for (std::size_t i = 0; i < shape.size(); ++i) dropped.push_back(i);
  }
  AxisMap map;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1U || std::find(dropped.begin(), dropped.end(), i) == dropped.end())
      map.emplace_back(i);
  return map;
}

std::optional<AxisMap> unsqueeze_axis(const Call& call, std::size_t rank) {
  const auto axis = Call::axis(call.number("dim", 0), rank + 1);
  if (!axis) return std::nullopt;
  AxisMap map = identity_map(rank);
  map.insert(map.begin() + static_cast<std::ptrdiff_t>(*axis), std::nullopt);
  return map;
}

}  // namespace

Rule find_rule(std::string_view op) {
  static const auto kTable = [] {
    std::unordered_map<std::string_view, Rule> table;
    for (const auto rows : {elementwise_rules(), contraction_rules(), norm_rules(), spatial_rules(),
                            shape_rules(), piece_rules(), index_rules(), recurrent_rules()})
      table.insert(rows.begin(), rows.end());
    return table;
  }();
  if (!op.starts_with(kPrefix)) return nullptr;
  const auto found = kTable.find(op.substr(kPrefix.size()));
  return found == kTable.end() ? nullptr : found->second;
}

bool is_view(std::string_view op) {
  const std::string_view name = plain_name(op);
  return std::find(std::begin(kViews), std::end(kViews), name) != std::end(kViews);
}

std::optional<std::vector<std::optional<std::size_t>>> axis_map(const Call& call) {
  const std::string_view op = plain_name(call.node.op);
  const auto self = call.value({"self", "input"});
  if (!self || !call.node.op.starts_with(kPrefix)) return std::nullopt;
  const std::vector<Length>& shape = call.shape(*self);
  const std::size_t rank = shape.size();
  if (std::find(std::begin(kUnchanged), std::end(kUnchanged), op) != std::end(kUnchanged))
    return identity_map(rank);
  if (op == "transpose" || op == "swapaxes" || op == "swapdims") {
    const bool dims = call.given("dim0");
    return swap_axes(rank, Call::axis(call.number(dims ? "dim0" : "axis0", 0), rank),
                     Call::axis(call.number(dims ? "dim1" : "axis1", 0), rank));
  }
  if (op == "t" && rank < 2) return identity_map(rank);
  if (op == "t" || op == "mT" || op == "mH" || op == "adjoint") {
    if (rank < 2) return std::nullopt;
    return swap_axes(rank, rank - 2, rank - 1);
  }
  if (op == "numpy_T") {
    AxisMap map = identity_map(rank);
    std::reverse(map.begin(), map.end());
    return map;
  }
  if (op == "permute") return permute_axes(call, rank);
  if (op == "movedim" || op == "moveaxis") return move_axes(call, rank);
  if (op == "squeeze") return squeeze_axes(call, shape);
  if (op == "unsqueeze") return unsqueeze_axis(call, rank);
  return std::nullopt;
}

}  // namespace mgit::derivation
