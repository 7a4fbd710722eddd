// Builds the graph of an ONNX file: values with what is known of their shapes and whole numbers.
//
// Shapes are computed by parts of the graph (Shape, Gather, Concat, Reshape), so numbers are
// followed through them: a length is a number, or a symbol for one that is left open.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mgit/graph.h"

namespace mgit::onnx {

/// A whole number: known, or a symbol that stands for it.
struct Size {
  std::int64_t number = 0;
  std::uint32_t symbol = 0;  // 0: known

  bool known() const { return symbol == 0; }
  bool operator==(const Size&) const = default;
};
using Sizes = std::vector<Size>;

/// What is known of a value.
struct Value {
  std::optional<ValueId> id;  // nullopt: numbers that no operator has read as a tensor yet
  DType dtype = DType::kF32;
  std::optional<Sizes> shape;                // nullopt: of unknown rank
  std::optional<Sizes> numbers;              // of whole numbers with at most one axis
  std::optional<std::vector<double>> reals;  // of a few constant numbers with at most one axis
  std::vector<Value> sequence;               // of tensors; then nothing else is set
};

/// Thrown by a translator: this form of the operator is not known, and becomes a node without a
/// meaning.
struct NotTranslated {};
inline void require(bool condition) {
  if (!condition) throw NotTranslated{};
}

/// Lengths that cannot be: with them the network does not run.
struct Contradiction : CorruptError {
  using CorruptError::CorruptError;
};

using Arguments = std::vector<std::pair<std::string, Argument>>;

class Builder {
 public:
  /// What nodes and values from now on are called after, and where they stand.
  void set_place(std::string name, std::string module);

  /// A value with a name of its own; nothing computes it yet.
  Value declare(const std::string& name, DType dtype, std::optional<Sizes> shape);
  Value constant(const std::string& name, const TensorInfo& info,
                 std::shared_ptr<const Buffer> data);
  /// Appends "aten.<op>" with one output.
  Value emit(const std::string& op, Arguments arguments, Sizes shape, DType dtype);
  std::vector<Value> emit_several(const std::string& op, Arguments arguments,
                                  const std::vector<std::pair<Sizes, DType>>& outputs);
  /// Gives the value a name that another one made in its place has.
  void rename(ValueId value, const std::string& name);
  /// Sets a value's shape.
  void describe(ValueId value, const Sizes& shape);
  void append(GraphNode node) { graph_.nodes.push_back(std::move(node)); }

  /// The value in the graph; numbers become a constant, or a stack of computed ones.
  ValueId id(Value& value);
  ValueId id(Value&& value) { return id(value); }
  Argument tensors(std::vector<Value>& values);
  /// Numbers if all are known, else values.
  Argument sizes(const Sizes& sizes);
  /// A constant's only element; nullopt if it is not known.
  std::optional<double> scalar(const Value& value) const;

  /// A number that is not known: of this name, or another each time.
  Size open(const std::string& name = {});
  /// From now on the name stands for a number. False: for another one already.
  bool fix(const std::string& name, std::int64_t number);
  /// Where an open length can be seen.
  void source(const Size& size, ValueId value, std::size_t axis);
  /// a op b on numbers, op one of + - * / (floor) %, the last two for b > 0; overflow is open.
  Size compute(char op, const Size& a, const Size& b);
  /// The product; open if a factor is.
  Size product(const Sizes& sizes);

  /// What a value is another shape of, or another order of axes; nullptr if it is neither.
  const Value* reshaped_from(ValueId value) const;
  const std::pair<Value, std::vector<std::int64_t>>* permuted_from(ValueId value) const;
  void remember_reshape(ValueId made, const Value& from) { reshaped_.emplace(made, from); }
  void remember_permute(ValueId made, const Value& from, std::vector<std::int64_t> dims) {
    permuted_.emplace(made, std::pair(from, std::move(dims)));
  }

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }

 private:
  struct Symbol {
    std::string name;
    std::optional<ValueId> value{};
    std::optional<std::pair<ValueId, std::size_t>> source{};
  };
  ValueId add(const std::string& name, DType dtype, const Sizes& shape);
  ValueId number(const Size& size);
  Argument number_argument(const Size& size);

  Graph graph_;
  std::string name_;
  std::string module_;
  std::unordered_map<std::string, std::uint32_t> taken_;
  std::unordered_map<std::string, ValueId> owners_;  // by name
  std::unordered_map<std::string, std::uint32_t> named_;
  std::unordered_map<std::string, std::int64_t> fixed_;
  std::unordered_map<std::int64_t, ValueId> plain_;
  std::vector<Symbol> symbols_{1};
  std::unordered_map<ValueId, Value> reshaped_;
  std::unordered_map<ValueId, std::pair<Value, std::vector<std::int64_t>>> permuted_;
};

/// Throws CorruptError where lengths overflow, Contradiction where one is negative.
std::vector<std::optional<std::uint64_t>> lengths(const Sizes& sizes);
Sizes known(const std::vector<std::int64_t>& numbers);
/// nullopt unless all are known.
std::optional<std::vector<std::int64_t>> plain(const Sizes& sizes);

}  // namespace mgit::onnx
