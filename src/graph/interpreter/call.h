// One operator at work: its arguments, with ATen's defaults, and the tables of operators.
#pragma once

#include <unordered_map>

#include "graph/interpreter/array.h"

namespace mgit::interpreter {

/// The arguments of a node, resolved: a value that stands for a number is that number.
/// Borrows the node and the values.
class Call {
 public:
  using Lookup = std::function<const Array&(ValueId)>;
  Call(const GraphNode& node, Lookup lookup) : node_(node), lookup_(std::move(lookup)) {}

  const GraphNode& node() const { return node_; }
  bool is(std::string_view overload) const { return node_.overload == overload; }
  /// Given, and not None.
  bool has(std::string_view name) const;

  const Array& tensor(std::string_view name) const;
  /// None of a list is an empty pointer.
  std::vector<const Array*> tensors(std::string_view name) const;
  std::vector<Array> arrays(std::string_view name) const;
  /// A tensor, or a number as an array of rank 0.
  Array operand(std::string_view name) const;
  Array operand(std::string_view name, double otherwise) const;

  double number(std::string_view name) const;
  double number(std::string_view name, double otherwise) const;
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  std::size_t natural(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  /// A single number is a list of one.
  Integers integers(std::string_view name) const;
  Integers integers(std::string_view name, Integers otherwise) const;
  /// A list of `length`, of which a single number stands for all.
  std::vector<std::size_t> naturals(std::string_view name, std::size_t length,
                                    std::size_t otherwise) const;

 private:
  const Argument& argument(std::string_view name) const;

  const GraphNode& node_;
  Lookup lookup_;
};

using Arrays = std::vector<Array>;
using Operator = Arrays (*)(const Call&);
using Operators = std::unordered_map<std::string_view, Operator>;

/// By name, without overloads: each a table of its own file.
const Operators& elementwise_operators();
const Operators& activation_operators();
const Operators& moving_operators();
const Operators& part_operators();
const Operators& rearranging_operators();
const Operators& indexing_operators();
const Operators& creating_operators();
const Operators& reducing_operators();
const Operators& linear_operators();
const Operators& convolution_operators();
const Operators& pooling_operators();
const Operators& normalising_operators();
const Operators& recurrent_operators();

/// nullptr: the interpreter does not know it.
Operator find_operator(const std::string& op);
/// Not of bool.
bool is_integer(DType dtype);
/// Numbers that are no integers.
bool is_real(DType dtype);
/// As a value of that dtype: fractions of integers are cut off.
Array conforming(Array array, DType dtype);

/// Of operators that others are made of.
Array softmax(const Array& in, std::size_t axis);
/// y = x w' + b; b may be missing.
Array affine(const Array& x, const Array& weight, const Array* bias);

}  // namespace mgit::interpreter
