// Operators that give an axis another shape: view, flatten, expand, repeat, roll.
#include <algorithm>
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kShape = "a shape that its layout does not have";
constexpr const char* kShifted = "positions are moved along it";
constexpr std::size_t kMaxParts = 64;

/// The reshape of a value that is taken apart afterwards: each part gets terms of its own.
std::optional<Layout> reshaped_in_parts(const Call& call, const Layout& layout) {
  const ValueId output = call.output();
  const auto taken = call.in.taken_apart(output);
  if (!taken) return std::nullopt;
  const auto& [axis, ends] = *taken;
  const std::vector<Length>& shape = call.shape(output);
  std::uint64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) {
    if (!shape[i] || __builtin_mul_overflow(inner, *shape[i], &inner)) return std::nullopt;
  }
  std::uint64_t whole = 0;
  if (!shape[axis] || __builtin_mul_overflow(inner, *shape[axis], &whole)) return std::nullopt;
  std::set<std::uint64_t> borders = ends;
  borders.insert({0, *shape[axis]});
  if (borders.size() > kMaxParts || inner == 0) return std::nullopt;
  Terms& terms = call.terms();
  std::vector<Length> merged(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis));
  merged.emplace_back(whole);
  const Layout flat = reshaped(terms, layout, merged);
  Layout result;
  result.axis = axis;
  Term rest = flat.dims.back();
  if (terms.is_fixed(rest)) return std::nullopt;
  for (auto end = std::next(borders.begin()); end != borders.end(); ++end) {
    const std::uint64_t length = *end - *std::prev(end);
    const auto pieces = terms.cut(rest, length * inner);
    if (!pieces) return std::nullopt;
    rest = pieces->second;
    Layout own;
    own.dims = {pieces->first};
    std::vector<Length> own_shape(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end());
    own_shape.front() = length;
    own = reshaped(terms, own, own_shape);
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
  if (auto parts = reshaped_in_parts(call, layout)) {
    call.in.set(call.output(), *std::move(parts));
  } else {
    call.in.set(call.output(), reshaped(call.terms(), layout, call.shape(call.output())));
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

constexpr RuleRow kRules[] = {
    {"view", reshape},           {"reshape", reshape},  {"_unsafe_view", reshape},
    {"_reshape_alias", reshape}, {"flatten", reshape},  {"unflatten", reshape},
    {"ravel", reshape},          {"view_as", reshape},  {"reshape_as", reshape},
    {"expand", expand},          {"expand_as", expand}, {"broadcast_to", expand},
    {"repeat", repeat},          {"tile", repeat},      {"repeat_interleave", repeat_interleave},
    {"roll", shifted},           {"flip", shifted},     {"tril", triangle},
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

  /// The slow end, for an axis that may have an open length.
  std::optional<Term> take_first(Length length) {
    if (factors.empty()) return std::nullopt;
    if (length == 1U) return terms.unit();
    if (terms.size(factors.front()) != length) return std::nullopt;
    const Term first = factors.front();
    factors.erase(factors.begin());
    return first;
  }
};

}  // namespace

std::span<const RuleRow> shape_rules() { return kRules; }

Layout reshaped(Terms& terms, const Layout& layout, const std::vector<Length>& shape) {
  Layout result;
  result.loose = layout.loose;
  result.dims.assign(shape.size(), 0);
  const auto give_up = [&](std::size_t begin, std::size_t end) {
    for (const Term term : layout.dims) terms.pin(term, kShape);
    for (std::size_t i = begin; i < end; ++i) result.dims[i] = terms.fixed(shape[i], kShape);
  };
  const auto empty = [](const Length& length) { return length == 0U; };
  if (std::any_of(shape.begin(), shape.end(), empty)) {
    give_up(0, shape.size());
    return result;
  }
  Open open{terms, {}};
  for (const Term term : layout.dims) {
    const std::vector<Term> factors = terms.factors(term);
    open.factors.insert(open.factors.end(), factors.begin(), factors.end());
  }
  std::size_t end = shape.size();
  for (; end > 0 && shape[end - 1]; --end) {
    const auto taken = open.take_last(*shape[end - 1]);
    if (!taken) {
      give_up(0, end);
      return result;
    }
    result.dims[end - 1] = *taken;
  }
  std::size_t begin = 0;
  for (; begin + 1 < end; ++begin) {
    const auto taken = open.take_first(shape[begin]);
    if (!taken) break;
    result.dims[begin] = *taken;
  }
  if (begin + 1 == end) {
    result.dims[begin] = terms.product(std::move(open.factors));
    if (!shape[begin] && terms.size(result.dims[begin]))
      result.dims[begin] = terms.product({terms.fixed(std::nullopt, kShape), result.dims[begin]});
  } else if (begin < end || !open.factors.empty()) {
    give_up(begin, end);
  }
  return result;
}

}  // namespace mgit::derivation
