// One node of an ONNX file while it is translated, and the tables of translators.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/onnx/builder.h"
#include "graph/onnx/proto.h"

namespace mgit::onnx {

/// Inputs and attributes of a node; its outputs, once they are made. What is missing or of another
/// kind than a translator asks for is NotTranslated.
class Operator {
 public:
  Operator(Builder& builder, const Node& of, std::uint64_t version)
      : build(builder), node(of), opset(version) {}

  Builder& build;
  const Node& node;
  const std::uint64_t opset;
  std::vector<std::optional<Value>> inputs;  // nullopt: left out
  std::vector<Value> outputs;
  std::size_t wanted = 0;  // how many outputs are made, up to the last that something reads

  bool has(std::size_t index) const { return index < inputs.size() && inputs[index].has_value(); }
  Value& input(std::size_t index);
  const Sizes& shape(std::size_t index);
  std::size_t rank(std::size_t index) { return shape(index).size(); }
  DType dtype(std::size_t index) { return input(index).dtype; }
  ValueId id(std::size_t index) { return build.id(input(index)); }
  /// The value, or None.
  Argument optional_id(std::size_t index);

  bool given(std::string_view attribute) const { return node.attributes.contains(attribute); }
  std::int64_t number(std::string_view attribute, std::int64_t standard) const;
  double real(std::string_view attribute, double standard) const;
  std::string text(std::string_view attribute, std::string standard) const;
  /// Empty if it is left out.
  std::vector<std::int64_t> numbers(std::string_view attribute) const;
  /// Whole numbers that stand in an attribute or, in later versions, in an input; nullopt if they
  /// are in neither.
  std::optional<Sizes> sizes(std::string_view attribute, std::size_t index);
  std::optional<std::vector<std::int64_t>> plain_numbers(std::string_view attribute,
                                                         std::size_t index);
  /// An axis of that many, counted from the end if negative.
  static std::size_t axis(std::int64_t dim, std::size_t rank);

  Value emit(const std::string& op, Arguments arguments, Sizes shape, DType dtype) {
    return build.emit(op, std::move(arguments), std::move(shape), dtype);
  }
  void result(const std::string& op, Arguments arguments, Sizes shape, DType dtype) {
    outputs = {emit(op, std::move(arguments), std::move(shape), dtype)};
  }
  /// The shape of an elementwise operator; equal symbols are equal lengths.
  Sizes broadcast(const Sizes& a, const Sizes& b);
  Value reshape(Value value, Sizes shape);
  Value permute(Value value, const std::vector<std::int64_t>& dims);
  Value slice(Value value, std::size_t axis, std::int64_t begin, std::int64_t end);
  Value select(Value value, std::size_t axis, std::int64_t index);
};

using Translator = void (*)(Operator&);
using TranslatorRow = std::pair<std::string_view, Translator>;

std::span<const TranslatorRow> elementwise_translators();
std::span<const TranslatorRow> contraction_translators();
std::span<const TranslatorRow> recurrent_translators();
std::span<const TranslatorRow> norm_translators();
std::span<const TranslatorRow> shape_translators();
std::span<const TranslatorRow> piece_translators();
std::span<const TranslatorRow> spatial_translators();

/// Whole numbers computed from whole numbers (lengths, mostly); nullopt if it is not that.
std::optional<Value> fold_numbers(Operator& op);

}  // namespace mgit::onnx
