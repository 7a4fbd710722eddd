// Operators that give an axis another shape: view, flatten, expand, repeat, roll.
#include <algorithm>
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kShape = "a shape that its layout does not have";
constexpr const char* kShifted = "positions are moved along it";
constexpr std::size_t kMaxParts = 64;

/// How many axes at the end flatten and unflatten leave as they are.
std::size_t after_changed(const Call& call, std::size_t rank) {
  const bool flatten = call.node.op == "aten.flatten";
  const auto last = Call::axis(call.number(flatten ? "end_dim" : "dim", flatten ? -1 : 0), rank);
  return last ? rank - 1 - *last : 0;
}

/// What view, flatten and their kin make, with the atoms of open lengths as far as they are known.
std::vector<NewAxis> new_axes(const Call& call, const Layout& layout) {
  const std::vector<Length>& shape = call.shape(call.output());
  std::vector<NewAxis> axes;
  for (const Length& length : shape) axes.push_back({length});
  const std::size_t before = layout.dims.size();
  const std::string& op = call.node.op;
  if (op == "aten.flatten" || op == "aten.unflatten") {
    const auto first =
        Call::axis(call.number(op == "aten.flatten" ? "start_dim" : "dim", 0), before);
    for (std::size_t i = 0; first && i < shape.size(); ++i) {
      const std::size_t behind = shape.size() - i;  // counted from the end, from 1
      if (i < *first && i < before) axes[i].same_as = layout.dims[i];
      if (behind <= after_changed(call, before) && behind <= before)
        axes[i].same_as = layout.dims[before - behind];
    }
  } else if (const auto other = call.value("other")) {
    const Layout& like = call.layout(*other);
    for (std::size_t i = 0; i < std::min(like.dims.size(), axes.size()); ++i)
      axes[i].same_as = like.dims[i];
  } else {
    const std::vector<std::optional<ValueId>> sizes =
        call.mixed(call.given("size") ? "size" : "shape");
    for (std::size_t i = 0; i < std::min(sizes.size(), axes.size()); ++i)
      if (sizes[i]) axes[i].same_as = call.in.length_of(*sizes[i]);
  }
  return axes;
}

/// The reshape of a value that is taken apart afterwards: each part gets terms of its own.
std::optional<Layout> reshaped_in_parts(const Call& call, const Layout& layout,
                                        const std::vector<NewAxis>& axes) {
  const auto taken = call.in.taken_apart(call.output());
  if (!taken) return std::nullopt;
  const auto& [axis, ends] = *taken;
  std::uint64_t inner = 1;
  for (std::size_t i = axis + 1; i < axes.size(); ++i) {
    const Length& length = axes[i].length;
    if (!length || __builtin_mul_overflow(inner, *length, &inner)) return std::nullopt;
  }
  std::uint64_t whole = 0;
  const Length& length = axes[axis].length;
  if (!length || __builtin_mul_overflow(inner, *length, &whole)) return std::nullopt;
  std::set<std::uint64_t> borders = ends;
  borders.insert({0, *length});
  if (borders.size() > kMaxParts || inner == 0) return std::nullopt;
  Terms& terms = call.terms();
  std::vector<NewAxis> merged(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(axis));
  merged.push_back({whole});
  const Layout flat = reshaped(terms, layout, merged);
  Layout result;
  result.axis = axis;
  Term rest = flat.dims.back();
  if (terms.is_fixed(rest)) return std::nullopt;
  for (auto end = std::next(borders.begin()); end != borders.end(); ++end) {
    const std::uint64_t part_length = *end - *std::prev(end);
    const auto pieces = terms.cut(rest, part_length * inner);
    if (!pieces) return std::nullopt;
    rest = pieces->second;
    Layout own;
    own.dims = {pieces->first};
    std::vector<NewAxis> own_axes(axes.begin() + static_cast<std::ptrdiff_t>(axis), axes.end());
    own_axes.front() = {part_length};
    own = reshaped(terms, own, own_axes);
    Layout& part = result.parts.emplace_back();
    part.loose = flat.loose;
    part.dims.assign(flat.dims.begin(), flat.dims.end() - 1);
    part.dims.insert(part.dims.end(), own.dims.begin(), own.dims.end());
  }
  return result;
}

bool reshape(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self || call.node.outputs.size() != 1) return false;
  const Layout layout = call.layout(*self);
  const std::vector<NewAxis> axes = new_axes(call, layout);
  if (auto parts = reshaped_in_parts(call, layout, axes)) {
    call.in.set(call.output(), *std::move(parts));
  } else {
    call.in.set(call.output(), reshaped(call.terms(), layout, axes));
  }
  return true;
}

bool expand(const Call& call) {
  const auto self = call.value({"self", "input"});
  if (!self) return false;
  const Layout layout = call.layout(*self);
  const std::vector<Length>& shape = call.shape(call.output());
  if (shape.size() < layout.dims.size()) return false;
  Layout result;
  result.loose = layout.loose;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t added = shape.size() - layout.dims.size();
    if (i >= added && (shape[i] == 1U || !call.terms().is_unit(layout.dims[i - added]))) {
      result.dims.push_back(layout.dims[i - added]);
    } else {
      result.dims.push_back(call.terms().atom(shape[i]));
      result.loose.push_back(result.dims.back());
    }
  }
  call.in.set(call.output(), std::move(result));
  return true;
}

/// The whole, several times over: the copies are the slow index.
bool repeat(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  Terms& terms = call.terms();
  const Layout layout = call.layout(*self);
  const std::vector<Length>& shape = call.shape(call.output());
  if (shape.size() < layout.dims.size()) return false;
  const std::size_t added = shape.size() - layout.dims.size();
  Layout result;
  result.loose = layout.loose;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const Term own = i < added ? terms.unit() : layout.dims[i - added];
    const Length length = terms.size(own);
    if (length == shape[i] && length) {
      result.dims.push_back(own);
    } else if (length && shape[i] && *length > 0 && *shape[i] % *length == 0) {
      const Term copies = terms.atom(*shape[i] / *length);
      result.loose.push_back(copies);
      result.dims.push_back(terms.product({copies, own}));
    } else {
      terms.pin(own, kShape);
      result.dims.push_back(terms.fixed(shape[i], kShape));
    }
  }
  call.in.set(call.output(), std::move(result));
  return true;
}

/// Each unit, several times in a row: the copies are the fast index.
bool repeat_interleave(const Call& call) {
  const auto self = call.value("self");
  const auto repeats = call.number("repeats", 0);
  if (!self || !repeats || *repeats < 1 || !call.given("dim")) return false;
  Layout layout = call.layout(*self);
  const auto axis = Call::axis(call.number("dim", 0), layout.dims.size());
  if (!axis) return false;
  const Term copies = call.terms().atom(static_cast<std::uint64_t>(*repeats));
  layout.dims[*axis] = call.terms().product({layout.dims[*axis], copies});
  layout.loose.push_back(copies);
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// Positions along some axes trade places.
bool shifted(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  Layout layout = call.layout(*self);
  const auto axes = call.axes("dims", layout.dims.size());
  if (!axes) return false;
  for (const std::size_t axis : *axes) call.terms().pin(layout.dims[axis], kShifted);
  call.in.set(call.output(), std::move(layout));
  return true;
}

/// The end of an axis comes before its beginning.
bool rolled(const Call& call) {
  const auto self = call.value("self");
  if (!self) return false;
  Layout layout = call.layout(*self);
  const auto axes = call.axes("dims", layout.dims.size());
  const auto shifts = call.numbers("shifts");
  if (!axes || !shifts || axes->size() != shifts->size()) return shifted(call);
  Terms& terms = call.terms();
  for (std::size_t i = 0; i < axes->size(); ++i) {
    Term& axis = layout.dims[(*axes)[i]];
    const Length size = terms.size(axis);
    if (!size || *size == 0 || terms.is_fixed(axis)) {
      terms.pin(axis, kShifted);
      continue;
    }
    const auto length = static_cast<std::int64_t>(*size);
    const std::int64_t shift = ((*shifts)[i] % length + length) % length;
    if (shift == 0) continue;
    if (const auto pieces = terms.cut(axis, *size - static_cast<std::uint64_t>(shift)))
      axis = terms.sum({pieces->second, pieces->first});
    else
      terms.pin(axis, kShifted);
  }
  call.in.set(call.output(), std::move(layout));
  return true;
}

bool triangle(const Call& call) {
  const auto self = call.value("self");
  if (!self || call.rank(*self) < 2) return false;
  Layout layout = call.layout(*self);
  for (std::size_t i = layout.dims.size() - 2; i < layout.dims.size(); ++i)
    call.terms().pin(layout.dims[i], kShifted);
  layout.loose.clear();
  call.in.set(call.output(), std::move(layout));
  return true;
}

constexpr RuleRow kRules[] = {{"view", reshape},
                              {"reshape", reshape},
                              {"_unsafe_view", reshape},
                              {"_reshape_alias", reshape},
                              {"flatten", reshape},
                              {"unflatten", reshape},
                              {"ravel", reshape},
                              {"view_as", reshape},
                              {"reshape_as", reshape},
                              {"expand", expand},
                              {"expand_as", expand},
                              {"broadcast_to", expand},
                              {"repeat", repeat},
                              {"tile", repeat},
                              {"repeat_interleave", repeat_interleave},
                              {"roll", rolled},
                              {"flip", shifted},
                              {"tril", triangle},
                              {"triu", triangle}};

/// The state of a reshape: factors not yet taken, the slowest first.
struct Open {
  Terms& terms;
  std::vector<Term> factors;

  /// The fast end, of a length; nullopt if there is no border.
  std::optional<Term> take_last(std::uint64_t length) {
    std::vector<Term> taken;
    while (length > 1) {
      if (factors.empty()) return std::nullopt;
      const Term last = factors.back();
      const Length size = terms.size(last);
      if (!size || *size == 0) return std::nullopt;
      if (length % *size == 0) {
        factors.pop_back();
        taken.push_back(last);
        length /= *size;
        continue;
      }
      const auto split = *size % length == 0 ? terms.split_right(last, length) : std::nullopt;
      if (!split) return std::nullopt;
      factors.back() = split->first;
      taken.push_back(split->second);
      length = 1;
    }
    std::reverse(taken.begin(), taken.end());
    return terms.product(std::move(taken));
  }

  /// The slow end, of a length; nullopt if there is no border.
  std::optional<Term> take_first(std::uint64_t length) {
    std::size_t count = 0;
    while (length > 1) {
      const Length size = count < factors.size() ? terms.size(factors[count]) : std::nullopt;
      if (!size || *size == 0 || length % *size != 0) return std::nullopt;
      length /= *size;
      ++count;
    }
    const auto end = factors.begin() + static_cast<std::ptrdiff_t>(count);
    const Term taken = terms.product({factors.begin(), end});
    factors.erase(factors.begin(), end);
    return taken;
  }

  /// One end, if it is that atom.
  bool take_same(bool first, std::optional<Term> atom) {
    if (factors.empty() || !atom) return false;
    if (terms.find(first ? factors.front() : factors.back()) != terms.find(*atom)) return false;
    factors.erase(first ? factors.begin() : factors.end() - 1);
    return true;
  }
};

}  // namespace

std::span<const RuleRow> shape_rules() { return kRules; }

Layout reshaped(Terms& terms, const Layout& layout, const std::vector<NewAxis>& axes) {
  Layout result;
  result.loose = layout.loose;
  result.dims.assign(axes.size(), 0);
  const auto give_up = [&](std::size_t begin, std::size_t end) {
    for (const Term term : layout.dims) terms.pin(term, kShape);
    for (std::size_t i = begin; i < end; ++i) result.dims[i] = terms.fixed(axes[i].length, kShape);
    return result;
  };
  if (std::any_of(axes.begin(), axes.end(), [](const NewAxis& axis) { return axis.length == 0U; }))
    return give_up(0, axes.size());
  Open open{terms, {}};
  for (const Term term : layout.dims) {
    const std::vector<Term> factors = terms.factors(term);
    open.factors.insert(open.factors.end(), factors.begin(), factors.end());
  }
  // From both ends, as far as borders are sure; an axis that is left alone takes what is left.
  std::size_t end = axes.size();
  for (; end > 0; --end) {
    const NewAxis& axis = axes[end - 1];
    if (axis.length) {
      const auto taken = open.take_last(*axis.length);
      if (!taken) return give_up(0, end);
      result.dims[end - 1] = *taken;
    } else if (open.take_same(false, axis.same_as)) {
      result.dims[end - 1] = *axis.same_as;
    } else {
      break;
    }
  }
  std::size_t begin = 0;
  for (; begin + 1 < end; ++begin) {
    const NewAxis& axis = axes[begin];
    if (axis.length) {
      const auto taken = open.take_first(*axis.length);
      if (!taken) break;
      result.dims[begin] = *taken;
    } else if (open.take_same(true, axis.same_as)) {
      result.dims[begin] = *axis.same_as;
    } else {
      break;
    }
  }
  if (begin + 1 == end) {
    result.dims[begin] = terms.product(std::move(open.factors));
    if (!axes[begin].length && terms.size(result.dims[begin]))
      result.dims[begin] = terms.product({terms.fixed(std::nullopt, kShape), result.dims[begin]});
    return result;
  }
  return begin < end || !open.factors.empty() ? give_up(begin, end) : result;
}

}  // namespace mgit::derivation
