// Sums of products: linear layers, matrix products, convolutions, attention.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kGroups = "groups of a convolution that its layout does not have";
constexpr const char* kPositions = "positions that a convolution reads in their order";
constexpr const char* kOrdered = "positions in order: later ones do not see earlier ones alike";

/// 0, 1, .. count - 1, shifted.
std::vector<int> labels_from(int first, std::size_t count) {
  std::vector<int> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back(first + static_cast<int>(i));
  return labels;
}

void set_with_bias(const Call& call, Layout layout, std::optional<ValueId> bias) {
  if (bias) {
    const std::size_t rank = layout.dims.size();
    layout = combine(call.in, {std::move(layout), call.layout(*bias)}, rank);
  }
  call.in.set(call.output(), std::move(layout));
}

constexpr int kInner = 1000;
constexpr int kRows = 1001;
constexpr int kColumns = 1002;

bool linear(const Call& call) {
  const auto input = call.value("input");
  const auto weight = call.value("weight");
  if (!input || !weight || call.rank(*weight) != 2 || call.rank(*input) == 0) return false;
  const Layout x = call.layout(*input);
  const Layout w = call.layout(*weight);
  std::vector<int> left = labels_from(0, x.dims.size());
  std::vector<int> out = left;
  left.back() = kInner;
  out.back() = kRows;
  set_with_bias(call, contract(call.in, {{&x, left}, {&w, {kRows, kInner}}}, out),
                call.value("bias"));
  return true;
}

/// a @ b with the meaning of torch.matmul.
std::optional<Layout> product(const Call& call, ValueId left, ValueId right) {
  const Layout a = call.layout(left);
  const Layout b = call.layout(right);
  if (a.dims.empty() || b.dims.empty()) return std::nullopt;
  const std::size_t batch_a = a.dims.size() < 2 ? 0 : a.dims.size() - 2;
  const std::size_t batch_b = b.dims.size() < 2 ? 0 : b.dims.size() - 2;
  const std::size_t batch = std::max(batch_a, batch_b);
  std::vector<int> labels_a = labels_from(static_cast<int>(batch - batch_a), batch_a);
  std::vector<int> labels_b = labels_from(static_cast<int>(batch - batch_b), batch_b);
  std::vector<int> out = labels_from(0, batch);
  if (a.dims.size() > 1) {
    labels_a.push_back(kRows);
    out.push_back(kRows);
  }
  labels_a.push_back(kInner);
  labels_b.push_back(kInner);
  if (b.dims.size() > 1) {
    labels_b.push_back(kColumns);
    out.push_back(kColumns);
  }
  return contract(call.in, {{&a, labels_a}, {&b, labels_b}}, out);
}

/// matmul and its special cases; with `self` added where there is a third tensor.
bool matrix_product(const Call& call) {
  const auto a = call.value({"mat1", "batch1", "mat", "self", "input"});
  const auto b = call.value({"mat2", "batch2", "vec2", "vec", "other", "tensor2", "tensor"});
  if (!a || !b) return false;
  auto layout = product(call, *a, *b);
  if (!layout) return false;
  const auto added = call.value("self");
  set_with_bias(call, *std::move(layout), added == a ? std::nullopt : added);
  return true;
}

bool outer(const Call& call) {
  const auto a = call.value("self");
  const auto b = call.value({"vec2", "other"});
  if (!a || !b || call.rank(*a) != 1 || call.rank(*b) != 1) return false;
  const Layout x = call.layout(*a);
  const Layout y = call.layout(*b);
  call.in.set(call.output(),
              contract(call.in, {{&x, {kRows}}, {&y, {kColumns}}}, {kRows, kColumns}));
  return true;
}

/// Labels of one operand of an equation; `...` takes the axes that are left, counted from the end.
std::optional<std::vector<int>> equation_labels(std::string_view text, std::size_t rank) {
  std::vector<int> labels;
  const std::size_t dots = text.find("...");
  std::size_t letters = 0;
  for (const char c : text) letters += std::isalpha(static_cast<unsigned char>(c)) ? 1U : 0U;
  if (letters > rank || (dots == std::string_view::npos && letters != rank)) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == dots) {
      for (std::size_t left = rank - letters; left > 0; --left)
        labels.push_back(-static_cast<int>(left));
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(text[i]))) {
      labels.push_back(text[i]);
    } else {
      return std::nullopt;
    }
  }
  return labels;
}

bool einsum(const Call& call) {
  std::string equation = call.text("equation");
  std::erase(equation, ' ');
  std::vector<ValueId> tensors = call.values("tensors");
  if (tensors.empty()) tensors = call.values("operands");
  const std::size_t arrow = equation.find("->");
  std::vector<Layout> layouts;
  for (const ValueId tensor : tensors) layouts.push_back(call.layout(tensor));
  std::vector<Operand> operands;
  std::map<int, int> seen;
  std::string_view rest = std::string_view(equation).substr(0, arrow);
  for (const Layout& layout : layouts) {
    const std::size_t comma = rest.find(',');
    const auto labels = equation_labels(rest.substr(0, comma), layout.dims.size());
    if (!labels || (comma == std::string_view::npos) != (&layout == &layouts.back())) return false;
    for (const int label : *labels) ++seen[label];
    operands.push_back({&layout, *labels});
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  if (operands.empty()) return false;
  std::vector<int> out;
  if (arrow == std::string::npos) {
    for (const auto& [label, count] : seen)
      if (count == 1 || label < 0) out.push_back(label);
  } else {
    const auto labels =
        equation_labels(std::string_view(equation).substr(arrow + 2), call.rank(call.output()));
    if (!labels) return false;
    out = *labels;
  }
  call.in.set(call.output(), contract(call.in, operands, out));
  return true;
}

/// Channels of a convolution, split into groups where it has several.
struct Channels {
  Term group;
  Term own;
};

std::optional<Channels> in_groups(Terms& terms, Term channels, std::uint64_t groups) {
  if (groups == 1) return Channels{terms.unit(), channels};
  const Length size = terms.size(channels);
  if (!size || *size % groups != 0) return std::nullopt;
  const std::uint64_t own = *size / groups;
  if (const auto split = terms.split_right(channels, own))
    return Channels{split->first, split->second};
  terms.pin(channels, kGroups);
  return Channels{terms.fixed(groups, kGroups), terms.fixed(own, kGroups)};
}

bool point_by_point(const Call& call, ValueId input, ValueId weight) {
  const std::vector<Length>& kernel = call.shape(weight);
  const std::vector<Length>& before = call.shape(input);
  const std::vector<Length>& after = call.shape(call.output());
  for (std::size_t i = 2; i < kernel.size(); ++i)
    if (kernel[i] != 1U || before.at(before.size() - i + 1) != after.at(after.size() - i + 1))
      return false;
  for (const std::string_view name : {"stride", "padding", "output_padding"})
    if (call.given(name)) {
      const auto numbers = call.numbers(name);
      const std::int64_t plain = name == "stride" ? 1 : 0;
      if (!numbers || std::any_of(numbers->begin(), numbers->end(),
                                  [&](std::int64_t number) { return number != plain; }))
        return false;
    }
  return true;
}

bool convolve(const Call& call, bool transposed) {
  const auto input = call.value("input");
  const auto weight = call.value("weight");
  const auto groups = call.number("groups", 1);
  if (!input || !weight || !groups || *groups < 1 || call.rank(*weight) < 3) return false;
  Terms& terms = call.terms();
  Layout x = call.layout(*input);
  Layout w = call.layout(*weight);
  const std::size_t spatial = w.dims.size() - 2;
  if (x.dims.size() <= spatial) return false;
  const std::size_t channel = x.dims.size() - spatial - 1;
  const bool pointwise = point_by_point(call, *input, *weight);
  for (std::size_t i = 0; i < spatial; ++i) {
    terms.pin(w.dims[2 + i], kSilent);
    if (!pointwise) terms.pin(x.dims[channel + 1 + i], kPositions);
  }
  const auto count = static_cast<std::uint64_t>(*groups);
  const auto read = in_groups(terms, x.dims[channel], count);
  const auto whole = in_groups(terms, w.dims[0], count);
  if (!read || !whole) return false;
  // batch 0.., positions before 100.., after 200.., kernel 300..; group, read, made.
  constexpr int kGroup = 400, kRead = 401, kMade = 402;
  Layout a;
  a.loose = x.loose;
  std::vector<int> labels_a = labels_from(0, channel);
  a.dims.assign(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(channel));
  a.dims.insert(a.dims.end(), {read->group, read->own});
  labels_a.insert(labels_a.end(), {kGroup, kRead});
  Layout b;
  b.dims = {whole->group, whole->own, w.dims[1]};
  std::vector<int> labels_b = {kGroup, transposed ? kRead : kMade, transposed ? kMade : kRead};
  std::vector<int> out = labels_from(0, channel);
  out.insert(out.end(), {kGroup, kMade});
  for (std::size_t i = 0; i < spatial; ++i) {
    a.dims.push_back(x.dims[channel + 1 + i]);
    labels_a.push_back(100 + static_cast<int>(i));
    b.dims.push_back(w.dims[2 + i]);
    labels_b.push_back(300 + static_cast<int>(i));
    if (pointwise) out.push_back(100 + static_cast<int>(i));
  }
  const Layout made = contract(call.in, {{&a, labels_a}, {&b, labels_b}}, out);
  Layout result;
  result.dims.assign(made.dims.begin(), made.dims.begin() + static_cast<std::ptrdiff_t>(channel));
  const Term channels = terms.product({made.dims[channel], made.dims[channel + 1]});
  result.dims.push_back(channels);
  for (std::size_t i = 0; i < spatial; ++i) {
    const std::size_t axis = channel + 1 + i;
    result.dims.push_back(pointwise ? made.dims[axis + 1]
                                    : terms.fixed(call.shape(call.output()).at(axis), kPositions));
  }
  attach(call, channels, call.value("bias"));
  call.in.set(call.output(), std::move(result));
  return true;
}

bool convolution(const Call& call) { return convolve(call, call.flag("transposed", false)); }
bool transposed_convolution(const Call& call) { return convolve(call, true); }

/// softmax(q k^T + mask) v, with keys and values that several queries may share.
bool attention(const Call& call) {
  const auto query = call.value("query");
  const auto key = call.value("key");
  const auto value = call.value("value");
  if (!query || !key || !value) return false;
  const std::size_t rank = call.rank(*query);
  if (rank < 2 || call.rank(*key) != rank || call.rank(*value) != rank) return false;
  Terms& terms = call.terms();
  const Layout q = call.layout(*query);
  Layout k = call.layout(*key);
  Layout v = call.layout(*value);
  if (call.flag("enable_gqa", false) && rank > 2)
    for (Layout* shared : {&k, &v}) {
      const Length heads = terms.size(q.dims[rank - 3]);
      const Length own = terms.size(shared->dims[rank - 3]);
      if (!heads || !own || *own == 0 || *heads % *own != 0) return false;
      const Term repeated = terms.atom(*heads / *own);
      shared->dims[rank - 3] = terms.product({shared->dims[rank - 3], repeated});
      shared->loose.push_back(repeated);
    }
  std::vector<int> batch = labels_from(0, rank - 2);
  const auto with = [&](int rows, int columns) {
    std::vector<int> labels = batch;
    labels.insert(labels.end(), {rows, columns});
    return labels;
  };
  constexpr int kQueries = 100, kKeys = 101, kDepth = 102, kMade = 103;
  Layout scores = contract(call.in, {{&q, with(kQueries, kDepth)}, {&k, with(kKeys, kDepth)}},
                           with(kQueries, kKeys));
  if (const auto mask = call.value("attn_mask"))
    scores = combine(call.in, {scores, call.layout(*mask)}, rank);
  if (call.flag("is_causal", false)) {
    terms.pin(scores.dims[rank - 2], kOrdered);
    terms.pin(scores.dims[rank - 1], kOrdered);
  }
  separate_others(call.in, scores, {rank - 1});
  call.in.set(call.output(),
              contract(call.in, {{&scores, with(kQueries, kKeys)}, {&v, with(kKeys, kMade)}},
                       with(kQueries, kMade)));
  return true;
}

/// Every pair of units of two inputs, weighed.
bool bilinear(const Call& call) {
  const auto a = call.value("input1");
  const auto b = call.value("input2");
  const auto weight = call.value("weight");
  if (!a || !b || !weight || call.rank(*weight) != 3 || call.rank(*a) == 0) return false;
  if (call.rank(*b) != call.rank(*a)) return false;
  const Layout x = call.layout(*a);
  const Layout y = call.layout(*b);
  const Layout w = call.layout(*weight);
  std::vector<int> first = labels_from(0, x.dims.size());
  std::vector<int> second = first;
  std::vector<int> out = first;
  first.back() = kInner;
  second.back() = kColumns;
  out.back() = kRows;
  set_with_bias(
      call, contract(call.in, {{&x, first}, {&y, second}, {&w, {kRows, kInner, kColumns}}}, out),
      call.value("bias"));
  return true;
}

/// Rows of a table, chosen by number.
bool embedding(const Call& call) {
  const auto weight = call.value("weight");
  const auto indices = call.value("indices");
  if (!weight || !indices || call.rank(*weight) != 2) return false;
  const Layout table = call.layout(*weight);
  Layout layout = call.layout(*indices);
  call.terms().pin(table.dims[0], "rows that are chosen by their numbers");
  layout.dims.push_back(table.dims[1]);
  call.in.set(call.output(), std::move(layout));
  return true;
}

constexpr std::array kRules =
    std::to_array<RuleRow>({{"linear", linear},
                            {"matmul", matrix_product},
                            {"mm", matrix_product},
                            {"bmm", matrix_product},
                            {"mv", matrix_product},
                            {"dot", matrix_product},
                            {"vdot", matrix_product},
                            {"addmm", matrix_product},
                            {"addmv", matrix_product},
                            {"baddbmm", matrix_product},
                            {"outer", outer},
                            {"ger", outer},
                            {"einsum", einsum},
                            {"conv1d", convolution},
                            {"conv2d", convolution},
                            {"conv3d", convolution},
                            {"convolution", convolution},
                            {"_convolution", convolution},
                            {"conv_transpose1d", transposed_convolution},
                            {"conv_transpose2d", transposed_convolution},
                            {"conv_transpose3d", transposed_convolution},
                            {"scaled_dot_product_attention", attention},
                            {"_scaled_dot_product_flash_attention_for_cpu", attention},
                            {"bilinear", bilinear},
                            {"embedding", embedding}});

}  // namespace

std::span<const RuleRow> contraction_rules() { return kRules; }

Layout contract(Interpreter& in, const std::vector<Operand>& operands,
                const std::vector<int>& out) {
  Terms& terms = in.terms();
  std::map<int, Term> firm;
  std::map<int, Term> loose;
  std::vector<std::set<int>> present;
  for (const Operand& operand : operands) {
    std::set<int>& here = present.emplace_back();
    for (std::size_t axis = 0; axis < operand.labels.size(); ++axis) {
      const Term term = operand.layout->dims[axis];
      const int label = operand.labels[axis];
      if (terms.is_unit(term)) continue;
      if (is_loose(terms, *operand.layout, axis)) {
        loose.emplace(label, term);
        continue;
      }
      here.insert(label);
      const auto [entry, fresh] = firm.emplace(label, term);
      if (!fresh) terms.unify(entry->second, term);
    }
  }
  std::set<int>& made = present.emplace_back();
  Layout result;
  for (const int label : out) {
    if (const auto found = firm.find(label); found != firm.end()) {
      made.insert(label);
      result.dims.push_back(found->second);
    } else if (const auto spare = loose.find(label); spare != loose.end()) {
      result.dims.push_back(spare->second);
      result.loose.push_back(spare->second);
    } else {
      result.dims.push_back(terms.unit());
    }
  }
  // What stands on a tensor without another label cannot depend on that one.
  const auto apart = [&](int inner, int outer) {
    return std::any_of(present.begin(), present.end(), [&](const auto& labels) {
      return labels.contains(inner) && !labels.contains(outer);
    });
  };
  for (const auto& [inner, term] : firm)
    for (const auto& [outer, other] : firm)
      if (inner != outer && apart(inner, outer)) in.separate(term, other);
  return result;
}

}  // namespace mgit::derivation
