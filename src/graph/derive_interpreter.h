// The state of one derivation: the layout of every value, and what operators' rules may do to it.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graph/derive_terms.h"
#include "mgit/graph.h"

namespace mgit::derivation {

/// What stands along the axes of a value.
struct Layout {
  std::vector<Term> dims;
  /// Terms along which the value does not vary: it stays what it is however they are reordered.
  std::vector<Term> loose;
  /// Not empty: the value is only ever taken apart along `axis`. Each part (with that axis in its
  /// dims, of its own length) has terms of its own, and `dims` is empty.
  std::vector<Layout> parts;
  std::size_t axis = 0;
};

/// Atoms in `inner` may not be ordered differently for each unit of an atom in `outer`, but for one
/// that is a factor beside them.
struct Separation {
  Term inner;
  Term outer;
};

/// A part of an axis: positions from begin to end.
struct Piece {
  std::size_t output = 0;  // of the operator
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
/// What an operator takes out of a value: pieces along one axis.
struct Pieces {
  std::size_t axis = 0;
  bool drop_axis = false;  // select: each piece is one unit
  std::vector<Piece> pieces;
};

/// Where axes of tensors are cut: the lengths of the segments, for axes that have several.
using Cuts = std::map<std::pair<ValueId, std::size_t>, std::vector<std::uint64_t>>;

/// Calls visit for every value among the arguments.
template <typename Visit>
void for_each_value(const GraphNode& node, const Visit& visit) {
  for (const auto& [name, argument] : node.arguments) {
    if (const auto* one = std::get_if<ValueId>(&argument)) visit(*one);
    if (const auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& value : *list)
        if (value) visit(*value);
  }
}

/// Runs a graph once, from the first operator to the last, on layouts instead of numbers. For one
/// graph, which outlives it; not for several threads. Linear in the graph up to union-find.
class Interpreter {
 public:
  /// Parameters begin as atoms, or as sums of them where `cuts` says so.
  explicit Interpreter(const Graph& graph, Cuts cuts = {});

  /// Applies the rule of every operator.
  void run();

  const Graph& graph() const { return graph_; }
  Terms& terms() { return terms_; }
  /// A value's layout in one piece.
  const Layout& layout(ValueId value);
  /// As it was computed: perhaps in parts.
  const Layout& raw_layout(ValueId value) const { return *layouts_[value]; }
  /// nullptr: the value is in parts, or was not computed, as nothing depends on it.
  const Layout* whole_layout(ValueId value) const {
    const std::optional<Layout>& found = layouts_[value];
    return found && found->parts.empty() ? &*found : nullptr;
  }
  void set(ValueId value, Layout layout);
  /// Whether an operator or the caller reads it.
  bool is_used(ValueId value) const { return !users_[value].empty() || outputs_.contains(value); }
  void separate(Term inner, Term outer) { separations_.push_back({inner, outer}); }
  /// Nothing in the value moves.
  void pin(ValueId value, const char* reason);
  Layout fixed_layout(ValueId value, const char* reason);
  /// The ends of the pieces along an axis of a value that nothing else is done with; nothing if it
  /// is also used whole, or taken apart along several axes.
  std::optional<std::pair<std::size_t, std::set<std::uint64_t>>> taken_apart(ValueId value);

  /// The numbers of a constant vector of 64-bit integers; nullopt for any other value.
  std::optional<std::vector<std::int64_t>> constant_numbers(ValueId value) const;
  /// The atom whose length a number of the graph is; nullopt for one that is computed from several.
  std::optional<Term> length_of(ValueId number);
  /// Where the tensors' axes are sums.
  Cuts cuts();
  /// The layouts that values have or had.
  const std::vector<Layout>& history() const { return history_; }
  const std::vector<Separation>& separations() const { return separations_; }
  const std::set<std::string>& unknown_operators() const { return unknown_; }
  /// Values whose tensors are running statistics.
  const std::set<ValueId>& statistics() const { return statistics_; }
  void mark_statistics(ValueId value) { statistics_.insert(value); }

 private:
  Layout parameter_layout(ValueId value);
  void step(std::uint32_t number);
  void give_up(const GraphNode& node, const char* reason);
  void mutate(const GraphNode& node);
  bool fits(ValueId value, const Layout& layout) const;
  /// How long the axes of weights are that nothing reads.
  std::set<std::uint64_t> unread_lengths() const;
  /// An axis along which the constant does not vary may move; but not where the exporter may have
  /// computed the constant of a weight that was as uniform when it was new.
  Layout constant_layout(const GraphConstant& constant, const std::set<std::uint64_t>& unread);
  bool taken_apart(ValueId value, const std::vector<std::optional<std::size_t>>& axes,
                   std::optional<std::size_t>& axis, std::set<std::uint64_t>& ends, int depth);

  const Graph& graph_;
  const Cuts cuts_;
  Terms terms_;
  std::vector<std::optional<Layout>> layouts_;
  std::vector<std::vector<std::uint32_t>> users_;  // numbers of nodes
  std::vector<std::optional<std::uint32_t>> makers_;
  std::set<ValueId> outputs_;
  std::vector<Layout> history_;
  std::vector<Separation> separations_;
  std::set<std::string> unknown_;
  std::set<ValueId> statistics_;
  std::vector<ValueId> roots_;                  // whose memory a value may share
  std::map<ValueId, std::set<ValueId>> views_;  // of a root
  std::vector<bool> live_;                      // nodes that outputs depend on
};

/// One operator that is being interpreted: its arguments and its outputs.
class Call {
 public:
  Call(Interpreter& interpreter, const GraphNode& called) : in(interpreter), node(called) {}

  Interpreter& in;
  const GraphNode& node;

  /// nullopt if it is left out, None, or no tensor.
  std::optional<ValueId> value(std::string_view name) const;
  /// As value, but the first of several names; rules of one operator under several schemas.
  std::optional<ValueId> value(std::initializer_list<std::string_view> names) const;
  std::vector<ValueId> values(std::string_view name) const;
  /// A list in which some are values, as sizes are; empty if it is another argument.
  std::vector<std::optional<ValueId>> mixed(std::string_view name) const;
  bool given(std::string_view name) const;
  /// nullopt if it is computed by the graph.
  std::optional<std::int64_t> number(std::string_view name, std::int64_t standard) const;
  std::optional<std::vector<std::int64_t>> numbers(std::string_view name) const;
  bool flag(std::string_view name, bool standard) const;
  std::string text(std::string_view name) const;

  Terms& terms() const { return in.terms(); }
  const Layout& layout(ValueId value) const { return in.layout(value); }
  /// Tensors among all arguments, in order.
  std::vector<ValueId> tensors() const;
  ValueId output(std::size_t number = 0) const { return node.outputs.at(number); }
  const std::vector<Length>& shape(ValueId value) const { return in.graph().values[value].shape; }
  std::size_t rank(ValueId value) const { return shape(value).size(); }
  /// An axis, counted from the end if negative; nullopt if there is none such.
  static std::optional<std::size_t> axis(std::optional<std::int64_t> dim, std::size_t rank);
  /// Sorted; all axes for an empty list or none.
  std::optional<std::vector<std::size_t>> axes(std::string_view name, std::size_t rank) const;
};

/// What an operator does to layouts. False: this form of it is not understood, and nothing that it
/// touches may move.
using Rule = bool (*)(const Call&);
/// nullptr for an unknown operator.
Rule find_rule(std::string_view op);

/// Operators that only move, add or drop axes: for each axis of the output the input's axis, or
/// nullopt for a new one of length 1. nullopt for any other operator.
std::optional<std::vector<std::optional<std::size_t>>> axis_map(const Call& call);
/// Operators whose output may share the input's memory.
bool is_view(std::string_view op);
/// Operators that take pieces out of an axis; nullopt for any other, or pieces that are not known.
std::optional<Pieces> pieces(const Call& call);

}  // namespace mgit::derivation
