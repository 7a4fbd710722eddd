#include "graph/torchscript/composites.h"

#include "graph/torchscript/builtins.h"

namespace mgit::torchscript {

namespace {

using interpreter::require;
using Values = std::vector<Value>;

bool is_none(const Value& value) { return std::holds_alternative<std::monostate>(value); }

const Shape& shape_of(const Value& value) {
  const auto* tensor = std::get_if<Tensor*>(&value);
  require(tensor != nullptr, "a tensor is missing");
  return (*tensor)->shape;
}

/// The weights of attention over a sequence, in the order in which the operators take them.
struct Attention {
  Value heads;
  Value in_weight;
  Value in_bias;
  Value out_weight;
  Value out_bias;
};

/// Of [batch, length, width], every place to every place.
Value attend(Builder& builder, const Value& input, const Attention& of) {
  const Shape& shape = shape_of(input);
  const std::int64_t heads = whole_number(of.heads);
  require(shape.size() == 3 && heads > 0 && shape[2] % static_cast<std::uint64_t>(heads) == 0,
          "attention over an input of other axes");
  const auto batch = static_cast<std::int64_t>(shape[0]);
  const auto length = static_cast<std::int64_t>(shape[1]);
  const auto width = static_cast<std::int64_t>(shape[2]);
  const auto apply = [&](const char* op, Values values) {
    return builder.apply(op, {std::move(values), {}});
  };
  const auto sizes = [&](Values values) { return builder.arena().list(std::move(values)); };
  const Value all = apply("linear", {input, of.in_weight, of.in_bias});
  const Value parts = apply("chunk", {all, std::int64_t{3}, std::int64_t{2}});
  Values heads_of;
  for (const Value& part : std::get<List*>(parts)->items) {
    const Value split = apply("view", {part, sizes({batch, length, heads, width / heads})});
    heads_of.push_back(apply("transpose", {split, std::int64_t{1}, std::int64_t{2}}));
  }
  const Value mixed = apply("scaled_dot_product_attention", heads_of);
  const Value turned = apply("transpose", {mixed, std::int64_t{1}, std::int64_t{2}});
  const Value joined = apply("reshape", {turned, sizes({batch, length, width})});
  return apply("linear", {joined, of.out_weight, of.out_bias});
}

/// (query, key, value, width, heads, in weight, in bias, out weight, out bias, mask, wants weights,
/// ..): query, key and value are one.
Value multi_head_attention(Builder& builder, const Values& values) {
  require(values.size() >= 9 && values[0] == values[1] && values[1] == values[2],
          "its arguments are not understood");
  require(values.size() < 10 || is_none(values[9]), "attention with a mask is not understood");
  const Value result =
      attend(builder, values[0], {values[4], values[5], values[6], values[7], values[8]});
  return builder.arena().list({result, std::monostate{}});
}

/// (input, width, heads, in weight, in bias, out weight, out bias, gelu, norms first, eps, two
/// norms, two layers, each a weight and a bias, mask, ..).
Value encoder_layer(Builder& builder, const Values& values) {
  require(values.size() >= 18, "its arguments are not understood");
  require(values.size() < 19 || is_none(values[18]), "attention with a mask is not understood");
  const auto apply = [&](const char* op, Values given) {
    return builder.apply(op, {std::move(given), {}});
  };
  const auto norm = [&](const Value& input, std::size_t at) {
    const Value width = builder.arena().list({static_cast<std::int64_t>(shape_of(input).back())});
    return apply("layer_norm", {input, width, values[at], values[at + 1], values[9]});
  };
  const auto attention = [&](const Value& input) {
    return attend(builder, input, {values[2], values[3], values[4], values[5], values[6]});
  };
  const auto layers = [&](const Value& input) {
    const Value wide = apply("linear", {input, values[14], values[15]});
    const Value active = apply(truth(values[7]) ? "gelu" : "relu", {wide});
    return apply("linear", {active, values[16], values[17]});
  };
  const Value& input = values[0];
  require(!shape_of(input).empty(), "an input of no axes");
  if (truth(values[8])) {
    const Value middle = apply("add", {input, attention(norm(input, 10))});
    return apply("add", {middle, layers(norm(middle, 12))});
  }
  const Value middle = norm(apply("add", {input, attention(input)}), 10);
  return norm(apply("add", {middle, layers(middle)}), 12);
}

}  // namespace

std::optional<Value> apply_composite(Builder& builder, const std::string& name,
                                     const Arguments& arguments) {
  if (name == "_native_multi_head_attention")
    return multi_head_attention(builder, arguments.positional);
  if (name == "_transformer_encoder_layer_fwd") return encoder_layer(builder, arguments.positional);
  if (name == "data") return builder.apply("detach", arguments);
  return std::nullopt;
}

}  // namespace mgit::torchscript
