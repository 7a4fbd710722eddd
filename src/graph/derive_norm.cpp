// Operators that mix the units along an axis, all of them alike: norms, softmax, reductions.
#include <algorithm>
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kByPosition = "its result depends on the order of positions";

std::vector<std::size_t> all_but(std::size_t axis, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < rank; ++i)
    if (i != axis) axes.push_back(i);
  return axes;
}

std::vector<std::size_t> last(std::size_t count, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (std::size_t i = rank - count; i < rank; ++i) axes.push_back(i);
  return axes;
}

/// Sets the first output; the others (saved statistics) are for training alone.
bool finish(const Call& call, Layout layout) {
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// A norm of each channel, whose parameters and statistics belong to the channels. `mixed`: the
/// axes along which numbers are normalised together.
bool channel_norm(const Call& call, ValueId input, const std::vector<std::size_t>& mixed) {
  Layout layout = call.layout(input);
  for (const std::string_view name : {"weight", "bias", "running_mean", "running_var"})
    attach(call, layout.dims[1], call.value(name));
  for (const std::string_view name : {"running_mean", "running_var"})
    if (const auto statistic = call.value(name)) call.in.mark_statistics(*statistic);
  layout.loose.clear();
  separate_others(call.in, layout, mixed);
  return finish(call, std::move(layout));
}

bool batch_norm(const Call& call) {
  const auto input = call.value("input");
  if (!input || call.rank(*input) < 2) return false;
  return channel_norm(call, *input, all_but(1, call.rank(*input)));
}

bool instance_norm(const Call& call) {
  const auto input = call.value("input");
  if (!input || call.rank(*input) < 3) return false;
  return channel_norm(call, *input, last(call.rank(*input) - 2, call.rank(*input)));
}

/// layer_norm and rms_norm: over the last axes, as many as normalized_shape has.
bool layer_norm(const Call& call) {
  const auto input = call.value("input");
  const auto shape = call.numbers("normalized_shape");
  if (!input || !shape || shape->empty() || shape->size() > call.rank(*input)) return false;
  Layout layout = call.layout(*input);
  const std::size_t rank = layout.dims.size();
  std::vector<Layout> operands = {layout};
  operands.front().loose.clear();
  for (const std::string_view name : {"weight", "bias"})
    if (const auto value = call.value(name)) operands.push_back(call.layout(*value));
  separate_others(call.in, layout, last(shape->size(), rank));
  return finish(call, combine(call.in, operands, rank));
}

/// Calls visit(blocks, inside) for the parts of an axis that consists of blocks of a size; what
/// lies across their borders stays on its side of them.
void for_each_block(Terms& terms, Term axis, std::uint64_t size,
                    const std::function<void(Term, Term)>& visit) {
  std::uint64_t at = 0;
  for (Term rest : terms.segments(axis)) {
    const std::uint64_t end = at + *terms.size(rest);
    while (at < end) {
      const std::uint64_t left = end - at;
      const std::uint64_t open = size - at % size;  // up to the next border
      const std::uint64_t whole = at % size == 0 ? left / size * size : 0;
      const std::uint64_t take = whole > 0 ? whole : std::min(open, left);
      const auto pieces = terms.cut(rest, take);
      const auto split =
          pieces && whole > 0 ? terms.split_right(pieces->first, size) : std::nullopt;
      if (split) {
        visit(split->first, split->second);
      } else if (pieces && whole == 0) {
        visit(terms.unit(), pieces->first);
      } else {
        terms.pin(rest, "groups of a norm that do not fit its layout");
        at = end;
        break;
      }
      rest = pieces->second;
      at += take;
    }
  }
}

bool group_norm(const Call& call) {
  const auto input = call.value("input");
  const auto groups = call.number(call.given("num_groups") ? "num_groups" : "group", 0);
  if (!input || !groups || *groups < 1 || call.rank(*input) < 2) return false;
  Terms& terms = call.terms();
  Layout layout = call.layout(*input);
  const Length channels = terms.size(layout.dims[1]);
  if (!channels || *channels % static_cast<std::uint64_t>(*groups) != 0) return false;
  for (const std::string_view name : {"weight", "bias"})
    attach(call, layout.dims[1], call.value(name));
  const std::vector<std::size_t> mixed = last(layout.dims.size() - 2, layout.dims.size());
  separate_others(call.in, layout, mixed);
  std::vector<Term> blocks;
  std::vector<Term> insides;
  for_each_block(terms, layout.dims[1], *channels / static_cast<std::uint64_t>(*groups),
                 [&](Term block, Term inside) {
                   blocks.push_back(block);
                   insides.push_back(inside);
                 });
  for (const Term block : blocks)
    for (const Term inside : insides) call.in.separate(block, inside);
  layout.loose.clear();
  return finish(call, std::move(layout));
}

bool softmax(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self) return false;
  const Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", -1), layout.dims.size());
  if (!axis) return false;
  separate_others(call.in, layout, {*axis});
  return finish(call, layout);
}

/// Each result belongs to its position along an axis.
bool ordered(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self) return false;
  const Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", -1), layout.dims.size());
  if (!axis) return false;
  call.terms().pin(layout.dims[*axis], kByPosition);
  for (const ValueId output : call.node.outputs) {
    Layout made = layout;
    made.loose.clear();
    const Length length =
        call.shape(output).size() == made.dims.size() ? call.shape(output)[*axis] : std::nullopt;
    made.dims[*axis] = call.terms().fixed(length, kByPosition);
    call.in.set(output, std::move(made));
  }
  return true;
}

/// Differences of neighbours; what stands before and after belongs to the axis too.
bool difference(const Call& call) {
  for (const std::string_view name : {"prepend", "append"})
    if (const auto value = call.value(name)) call.in.pin(*value, kByPosition);
  return ordered(call);
}

Layout without(const Call& call, const Layout& layout, const std::vector<std::size_t>& axes,
               std::size_t rank) {
  Layout result;
  result.loose = layout.loose;
  for (std::size_t i = 0; i < layout.dims.size(); ++i) {
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!gone) result.dims.push_back(layout.dims[i]);
    if (gone && rank == layout.dims.size()) result.dims.push_back(call.terms().unit());
  }
  return result;
}

bool reduce_axes(const Call& call, bool by_position) {
  const auto self = call.value({"self", "input"});
  if (!self) return false;
  const Layout layout = call.layout(*self);
  const auto axes = call.axes("dim", layout.dims.size());
  if (!axes) return false;
  if (by_position)
    for (const std::size_t axis : *axes) call.terms().pin(layout.dims[axis], kByPosition);
  separate_others(call.in, layout, *axes);
  for (const ValueId output : call.node.outputs)
    call.in.set(output, without(call, layout, *axes, call.rank(output)));
  return true;
}

bool reduction(const Call& call) { return reduce_axes(call, false); }
bool position_of(const Call& call) { return reduce_axes(call, true); }

/// max, min, median, mode: elementwise on two tensors, over everything, or over an axis with the
/// positions found there.
bool extremum(const Call& call) {
  if (const auto other = call.value("other")) {
    const auto self = call.value("self");
    if (!self) return false;
    return finish(call, combine(call.in, {call.layout(*self), call.layout(*other)},
                                call.rank(call.output())));
  }
  return reduce_axes(call, call.node.outputs.size() > 1 && call.in.is_used(call.output(1)));
}

bool cosine_similarity(const Call& call) {
  const auto a = call.value("x1");
  const auto b = call.value("x2");
  if (!a || !b) return false;
  const Layout both =
      combine(call.in, {call.layout(*a), call.layout(*b)}, std::max(call.rank(*a), call.rank(*b)));
  const auto axis = Call::axis(call.number("dim", 1), both.dims.size());
  if (!axis) return false;
  separate_others(call.in, both, {*axis});
  return finish(call, without(call, both, {*axis}, call.rank(call.output())));
}

/// A cross product: what stands along its axis of length 3 are coordinates.
bool cross(const Call& call) {
  const auto a = call.value("self");
  const auto b = call.value("other");
  if (!a || !b) return false;
  Layout both =
      combine(call.in, {call.layout(*a), call.layout(*b)}, std::max(call.rank(*a), call.rank(*b)));
  auto axis = Call::axis(call.number("dim", -1), both.dims.size());
  if (!call.given("dim") && call.node.op == "aten.cross") {
    const auto first = std::find_if(both.dims.begin(), both.dims.end(), [&](Term term) {
      return call.terms().size(term) == Length(3);
    });
    axis = static_cast<std::size_t>(first - both.dims.begin());
  }
  if (!axis || *axis >= both.dims.size()) return false;
  call.terms().pin(both.dims[*axis], kByPosition);
  both.loose.clear();
  return finish(call, std::move(both));
}

/// v scaled to the lengths g along one axis.
bool weight_norm(const Call& call) {
  const auto v = call.value("v");
  const auto g = call.value("g");
  if (!v || !g) return false;
  Layout layout = call.layout(*v);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis || call.rank(*g) != layout.dims.size()) return false;
  separate_others(call.in, layout, all_but(*axis, layout.dims.size()));
  layout.loose.clear();
  return finish(call, combine(call.in, {layout, call.layout(*g)}, layout.dims.size()));
}

constexpr std::array kRules =
    std::to_array<RuleRow>({{"batch_norm", batch_norm},
                            {"native_batch_norm", batch_norm},
                            {"_native_batch_norm_legit", batch_norm},
                            {"_native_batch_norm_legit_no_training", batch_norm},
                            {"_batch_norm_no_update", batch_norm},
                            {"instance_norm", instance_norm},
                            {"layer_norm", layer_norm},
                            {"native_layer_norm", layer_norm},
                            {"rms_norm", layer_norm},
                            {"_fused_rms_norm", layer_norm},
                            {"group_norm", group_norm},
                            {"native_group_norm", group_norm},
                            {"softmax", softmax},
                            {"_softmax", softmax},
                            {"_safe_softmax", softmax},
                            {"log_softmax", softmax},
                            {"_log_softmax", softmax},
                            {"softmin", softmax},
                            {"cumsum", ordered},
                            {"diff", difference},
                            {"cumprod", ordered},
                            {"logcumsumexp", ordered},
                            {"cummax", ordered},
                            {"cummin", ordered},
                            {"sort", ordered},
                            {"argsort", ordered},
                            {"topk", ordered},
                            {"sum", reduction},
                            {"mean", reduction},
                            {"nansum", reduction},
                            {"nanmean", reduction},
                            {"prod", reduction},
                            {"amax", reduction},
                            {"amin", reduction},
                            {"var", reduction},
                            {"std", reduction},
                            {"var_mean", reduction},
                            {"std_mean", reduction},
                            {"norm", reduction},
                            {"linalg_vector_norm", reduction},
                            {"logsumexp", reduction},
                            {"any", reduction},
                            {"all", reduction},
                            {"count_nonzero", reduction},
                            {"argmax", position_of},
                            {"argmin", position_of},
                            {"max", extremum},
                            {"min", extremum},
                            {"median", extremum},
                            {"cosine_similarity", cosine_similarity},
                            {"cross", cross},
                            {"linalg_cross", cross},
                            {"_weight_norm", weight_norm},
                            {"_weight_norm_interface", weight_norm}});

}  // namespace

std::span<const RuleRow> norm_rules() { return kRules; }

}  // namespace mgit::derivation
