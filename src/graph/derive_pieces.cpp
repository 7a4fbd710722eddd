// Operators that take an axis apart or put it together: slices, splits, concatenation, indexing.
#include <algorithm>
#include <array>
#include <limits>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kChosen = "places that are chosen by their numbers";
constexpr const char* kStacked = "whole values, each in its place";
constexpr const char* kSteps = "steps along it that do not divide it";

struct Range {
  std::size_t axis = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t step = 1;
};

/// What slice, narrow or select takes; nullopt if it is computed or a length is open.
std::optional<Range> range_of(const Call& call, ValueId self) {
  const std::vector<Length>& shape = call.shape(self);
  const auto axis = Call::axis(call.number("dim", 0), shape.size());
  if (!axis || !shape[*axis]) return std::nullopt;
  const auto length = static_cast<std::int64_t>(*shape[*axis]);
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  const auto clamp = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + length : at, 0, length);
  };
  std::optional<std::int64_t> begin;
  std::optional<std::int64_t> end;
  if (call.node.op == "aten.select") {
    begin = call.number("index", 0);
    if (!begin || *begin < -length || *begin >= length) return std::nullopt;
    begin = clamp(*begin);
    end = *begin + 1;
  } else if (call.node.op == "aten.narrow") {
    begin = call.number("start", 0);
    const auto count = call.number("length", 0);
    if (!begin || !count || *count < 0 || *count > length) return std::nullopt;
    begin = clamp(*begin);
    end = std::min(*begin + *count, length);
  } else {
    begin = call.number("start", 0);
    end = call.number("end", kEnd);
    if (!begin || !end) return std::nullopt;
    begin = clamp(*begin);
    end = std::max(clamp(*end), *begin);
  }
  const auto step = call.number("step", 1);
  if (!step || *step < 1) return std::nullopt;
  return Range{*axis, static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*end),
               static_cast<std::uint64_t>(*step)};
}

/// x[.., [3, 4], ..]: one axis, by a constant that counts up by one.
std::optional<Pieces> constant_run(const Call& call, ValueId self) {
  const Argument* argument = call.node.find("indices");
  const auto* list =
      argument ? std::get_if<std::vector<std::optional<ValueId>>>(argument) : nullptr;
  if (list == nullptr || call.node.outputs.size() != 1) return std::nullopt;
  std::optional<std::size_t> axis;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i]) continue;
    if (axis) return std::nullopt;
    axis = i;
  }
  const std::vector<Length>& shape = call.shape(self);
  if (!axis || *axis >= shape.size() || !shape[*axis]) return std::nullopt;
  const auto numbers = call.in.constant_numbers(*(*list)[*axis]);
  if (!numbers || numbers->empty()) return std::nullopt;
  const auto length = static_cast<std::int64_t>(*shape[*axis]);
  const std::int64_t first = numbers->front() < 0 ? numbers->front() + length : numbers->front();
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    const std::int64_t at = (*numbers)[i] < 0 ? (*numbers)[i] + length : (*numbers)[i];
    if (at != first + static_cast<std::int64_t>(i) || at < 0 || at >= length) return std::nullopt;
  }
  const auto begin = static_cast<std::uint64_t>(first);
  return Pieces{*axis, false, {{0, begin, begin + numbers->size()}}};
}

bool is_select(const Call& call) {
  return call.node.op == "aten.select" || call.node.op == "aten.unbind";
}

Layout without_axis(Layout layout, std::size_t axis) {
  layout.dims.erase(layout.dims.begin() + static_cast<std::ptrdiff_t>(axis));
  return layout;
}

/// A piece of a value in one piece.
Layout piece_of(Terms& terms, Layout layout, const Pieces& taken, const Piece& piece) {
  if (is_loose(terms, layout, taken.axis)) {
    layout.dims[taken.axis] = terms.atom(piece.end - piece.begin);
    layout.loose.push_back(layout.dims[taken.axis]);
  } else {
    layout.dims[taken.axis] = terms.slice(layout.dims[taken.axis], piece.begin, piece.end);
  }
  return taken.drop_axis ? without_axis(std::move(layout), taken.axis) : layout;
}

/// A piece of a value in parts: its borders are borders of parts, or it is not understood.
std::optional<Layout> piece_of_parts(Terms& terms, const Layout& source, const Pieces& taken,
                                     const Piece& piece) {
  std::uint64_t at = 0;
  std::vector<Layout> inside;
  for (const Layout& part : source.parts) {
    const Length length = terms.size(part.dims[source.axis]);
    if (!length) return std::nullopt;
    if (at >= piece.begin && at + *length <= piece.end) inside.push_back(part);
    at += *length;
  }
  if (inside.empty()) return std::nullopt;
  Layout result = inside.front();
  std::vector<Term> along;
  for (const Layout& part : inside) {
    along.push_back(part.dims[source.axis]);
    for (std::size_t i = 0; i < part.dims.size(); ++i)
      if (i != source.axis) terms.unify(result.dims[i], part.dims[i]);
  }
  result.dims[source.axis] = terms.sum(std::move(along));
  if (terms.size(result.dims[source.axis]) != piece.end - piece.begin) return std::nullopt;
  return taken.drop_axis ? without_axis(std::move(result), source.axis) : result;
}

bool take_whole(const Call& call, ValueId self) {
  if (call.node.op != "aten.slice" || call.number("step", 1) != 1) return false;
  const auto begin = call.number("start", 0);
  const auto end = call.number("end", std::numeric_limits<std::int64_t>::max());
  if (begin != 0 || end != std::numeric_limits<std::int64_t>::max()) return false;
  call.in.set(call.output(), call.in.raw_layout(self));
  return true;
}

/// Every so many: what is taken is the slow index.
bool take_steps(const Call& call, ValueId self) {
  const auto range = range_of(call, self);
  if (call.node.op != "aten.slice" || !range) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(self);
  Term& dim = layout.dims[range->axis];
  const std::uint64_t length = *call.shape(self)[range->axis];
  const bool even = range->begin < range->step && range->end == length && length % range->step == 0;
  if (is_loose(terms, layout, range->axis)) {
    dim = terms.atom(call.shape(call.output()).at(range->axis));
    layout.loose.push_back(dim);
  } else if (const auto split = even ? terms.split_right(dim, range->step) : std::nullopt) {
    terms.pin(split->second, kChosen);
    dim = split->first;
  } else {
    terms.pin(dim, kSteps);
    dim = terms.fixed(call.shape(call.output()).at(range->axis), kSteps);
  }
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Along an axis whose length is open: nothing moves there, and the other axes do not mind.
bool take_along_open(const Call& call, ValueId self) {
  const bool select = call.node.op == "aten.select";
  if (!select && call.node.op != "aten.slice" && call.node.op != "aten.narrow") return false;
  const std::vector<Length>& shape = call.shape(self);
  const auto axis = Call::axis(call.number("dim", 0), shape.size());
  if (!axis || shape[*axis]) return false;
  Layout layout = call.layout(self);
  call.terms().pin(layout.dims[*axis], kChosen);
  if (!select)
    layout.dims[*axis] = call.terms().fixed(call.shape(call.output()).at(*axis), kChosen);
  layout.loose.clear();
  call.in.set(call.output(), select ? without_axis(std::move(layout), *axis) : std::move(layout));
  return true;
}

}  // namespace

bool take_pieces(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  if (take_whole(call, *self) || take_along_open(call, *self)) return true;
  const auto taken = pieces(call);
  if (!taken) return take_steps(call, *self);
  const Layout source = call.in.raw_layout(*self);
  const bool in_parts = !source.parts.empty() && source.axis == taken->axis;
  for (const Piece& piece : taken->pieces) {
    const ValueId output = call.output(piece.output);
    if (in_parts) {
      auto made = piece_of_parts(call.terms(), source, *taken, piece);
      if (!made) return false;
      call.in.set(output, *std::move(made));
    } else {
      call.in.set(output, piece_of(call.terms(), call.layout(*self), *taken, piece));
    }
  }
  return true;
}

namespace {

bool concatenate(const Call& call) {
  std::vector<Layout> operands;
  Terms& terms = call.terms();
  const std::size_t rank = call.rank(call.output());
  for (const ValueId value : call.values("tensors")) {
    const std::vector<Length>& shape = call.shape(value);
    if (shape.size() == 1 && shape[0] == 0U) continue;  // nothing, of whatever shape
    if (shape.size() != rank) return false;
    operands.push_back(call.layout(value));
  }
  const auto axis = Call::axis(call.number("dim", 0), rank);
  if (!axis || operands.empty()) return false;
  std::vector<Term> along;
  std::vector<Layout> others;
  for (const Layout& operand : operands) {
    along.push_back(operand.dims[*axis]);
    Layout& other = others.emplace_back(operand);
    other.dims[*axis] = terms.unit();
  }
  Layout result = combine(call.in, others, rank);
  if (operands.size() == 1) result.loose = operands.front().loose;
  for (std::size_t i = 0; i < rank; ++i)
    for (const Layout& other : others)
      // An operand's own length 1 does not broadcast here.
      if (i != *axis && terms.is_unit(other.dims[i]) != terms.is_unit(result.dims[i])) return false;
  result.dims[*axis] = terms.sum(std::move(along));
  call.in.set(call.output(), std::move(result));
  return true;
}

bool stack(const Call& call) {
  std::vector<Layout> operands;
  const std::size_t rank = call.rank(call.output());
  const auto axis = Call::axis(call.number("dim", 0), rank);
  if (!axis) return false;
  for (const ValueId value : call.values("tensors")) {
    if (call.rank(value) + 1 != rank) return false;
    operands.push_back(call.layout(value));
  }
  if (operands.empty()) return false;
  Layout result = combine(call.in, operands, rank - 1);
  result.loose.clear();
  result.dims.insert(result.dims.begin() + static_cast<std::ptrdiff_t>(*axis),
                     call.terms().fixed(operands.size(), kStacked));
  call.in.set(call.output(), std::move(result));
  return true;
}

/// A copy of the value with a part of an axis replaced.
bool scatter_piece(const Call& call) {
  const auto self = call.value("self");
  const auto source = call.value("src");
  if (!self || !source) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis) return false;
  Layout part = call.layout(*source);
  const bool one = call.node.op == "aten.select_scatter";
  if (one) part.dims.insert(part.dims.begin() + static_cast<std::ptrdiff_t>(*axis), terms.unit());
  if (part.dims.size() != layout.dims.size()) return false;
  const auto range = one ? std::nullopt : range_of(call, *self);
  const bool cut = range && range->step == 1 &&
                   terms.size(part.dims[*axis]) == Length(range->end - range->begin);
  if (cut) {
    terms.unify(terms.slice(layout.dims[*axis], range->begin, range->end), part.dims[*axis]);
  } else {
    terms.pin(layout.dims[*axis], kChosen);
    terms.pin(part.dims[*axis], kChosen);
  }
  const Term along = layout.dims[*axis];
  for (Layout* side : {&layout, &part}) side->dims[*axis] = terms.unit();
  layout.loose.clear();
  Layout result = combine(call.in, {std::move(layout), std::move(part)}, call.rank(call.output()));
  result.dims[*axis] = along;
  call.in.set(call.output(), std::move(result));
  return true;
}

constexpr RuleRow kRules[] = {{"select", take_pieces},
                              {"slice", take_pieces},
                              {"narrow", take_pieces},
                              {"split", take_pieces},
                              {"split_with_sizes", take_pieces},
                              {"unsafe_split", take_pieces},
                              {"unsafe_split_with_sizes", take_pieces},
                              {"chunk", take_pieces},
                              {"unsafe_chunk", take_pieces},
                              {"unbind", take_pieces},
                              {"cat", concatenate},
                              {"concat", concatenate},
                              {"concatenate", concatenate},
                              {"stack", stack},
                              {"slice_scatter", scatter_piece},
                              {"select_scatter", scatter_piece}};

constexpr std::string_view kSplitters[] = {
    "aten.split", "aten.split_with_sizes", "aten.unsafe_split", "aten.unsafe_split_with_sizes",
    "aten.chunk", "aten.unsafe_chunk",     "aten.unbind"};

}  // namespace

std::span<const RuleRow> piece_rules() { return kRules; }

std::optional<Pieces> pieces(const Call& call) {
  const auto self = call.value("self");
  if (!self) return std::nullopt;
  const std::string& op = call.node.op;
  Pieces taken;
  taken.drop_axis = is_select(call);
  if (op == "aten.select" || op == "aten.slice" || op == "aten.narrow") {
    const auto range = range_of(call, *self);
    if (!range || range->step != 1 || call.node.outputs.size() != 1) return std::nullopt;
    taken.axis = range->axis;
    taken.pieces = {{0, range->begin, range->end}};
    return taken;
  }
  if (op == "aten.index") return constant_run(call, *self);
  if (std::find(std::begin(kSplitters), std::end(kSplitters), op) == std::end(kSplitters))
    return std::nullopt;
  const std::vector<Length>& shape = call.shape(*self);
  const auto axis = Call::axis(call.number("dim", 0), shape.size());
  if (!axis || !shape[*axis]) return std::nullopt;
  taken.axis = *axis;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < call.node.outputs.size(); ++i) {
    const std::vector<Length>& made = call.shape(call.node.outputs[i]);
    if (made.size() + (taken.drop_axis ? 1 : 0) != shape.size()) return std::nullopt;
    const Length length = taken.drop_axis ? Length(1U) : made[*axis];
    if (!length || *length > *shape[*axis] - at) return std::nullopt;
    taken.pieces.push_back({i, at, at + *length});
    at += *length;
  }
  if (at != *shape[*axis]) return std::nullopt;
  return taken;
}

}  // namespace mgit::derivation
