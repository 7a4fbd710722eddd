// What rules of several kinds share; and the tables of each kind.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/derive_interpreter.h"

namespace mgit::derivation {

using RuleRow = std::pair<std::string_view, Rule>;

std::span<const RuleRow> elementwise_rules();
std::span<const RuleRow> contraction_rules();
std::span<const RuleRow> norm_rules();
std::span<const RuleRow> spatial_rules();
std::span<const RuleRow> shape_rules();
std::span<const RuleRow> piece_rules();
std::span<const RuleRow> index_rules();
std::span<const RuleRow> recurrent_rules();

/// Reasons without a record: what nobody would expect to move.
inline constexpr const char* kSilent = "";

/// Operators that give back what they got, as far as units and their order go.
inline constexpr std::string_view kUnchanged[] = {
    "_to_copy", "alias",      "alpha_dropout",         "clone",           "contiguous",    "detach",
    "double",   "dropout",    "feature_alpha_dropout", "feature_dropout", "float",         "half",
    "identity", "lift_fresh", "lift_fresh_copy",       "positive",        "requires_grad", "to",
    "type_as"};

/// The rule of an operator that pieces() knows, and of every slice.
bool take_pieces(const Call& call);

/// Whether the value does not vary along the whole of an axis.
bool is_loose(const Terms& terms, const Layout& layout, std::size_t axis);

/// The layout of an elementwise function of operands that broadcast to an output of this rank.
Layout combine(Interpreter& in, const std::vector<Layout>& operands, std::size_t rank);

/// An operand of a contraction: what stands on its axes, and a name for each.
struct Operand {
  const Layout* layout;
  std::vector<int> labels;
};
/// A sum of products, as einsum: axes of one label are reordered alike, and those that the output
/// lacks are summed over.
Layout contract(Interpreter& in, const std::vector<Operand>& operands, const std::vector<int>& out);

/// The operator mixes what lies along some axes: the others do not depend on those.
void separate_others(Interpreter& in, const Layout& layout, const std::vector<std::size_t>& mixed);

/// A vector that belongs to an axis: a bias, a norm's weight.
void attach(const Call& call, Term axis, std::optional<ValueId> vector);

/// An axis that a reshape makes.
struct NewAxis {
  Length length;
  std::optional<Term> same_as = std::nullopt;  // of an open length: the atom that has it
};
/// The layout under another shape; terms that have no place in it are pinned.
Layout reshaped(Terms& terms, const Layout& layout, const std::vector<NewAxis>& axes);

}  // namespace mgit::derivation
