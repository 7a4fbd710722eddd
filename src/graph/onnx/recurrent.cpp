// LSTM, GRU and RNN: one layer, whose gates ONNX stacks in another order than ATen.
#include <array>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

/// A layer: its gates in ATen's order, as numbers of ONNX's.
struct Kind {
  std::string aten;
  std::vector<std::int64_t> gates;
};

/// Rows begin .. begin + gates * size of a matrix or vector, gate by gate in ATen's order.
Value reordered(Operator& op, const Value& from, const Kind& kind, std::int64_t begin,
                std::int64_t size) {
  const auto count = static_cast<std::int64_t>(kind.gates.size());
  if (count == 1) return op.slice(from, 0, begin, begin + size);
  std::vector<Value> parts;
  for (const std::int64_t gate : kind.gates)
    parts.push_back(op.slice(from, 0, begin + gate * size, begin + (gate + 1) * size));
  Sizes shape = *from.shape;
  shape[0] = {count * size, 0};
  Argument tensors = op.build.tensors(parts);
  return op.emit("cat", {{"tensors", std::move(tensors)}, {"dim", std::int64_t{0}}},
                 std::move(shape), from.dtype);
}

std::vector<Value> weights(Operator& op, const Kind& kind, std::int64_t directions,
                           std::int64_t size) {
  const auto rows = static_cast<std::int64_t>(kind.gates.size()) * size;
  for (std::size_t i = 1; i < 3; ++i)
    require(op.rank(i) == 3 && op.shape(i)[0] == Size{directions, 0} &&
            op.shape(i)[1] == Size{rows, 0});
  require(op.shape(2)[2] == Size{size, 0});
  if (op.has(3)) require(op.shape(3) == Sizes{{directions, 0}, {2 * rows, 0}});
  std::vector<Value> result;
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    for (std::size_t i = 1; i < 3; ++i)
      result.push_back(reordered(op, op.select(op.input(i), 0, direction), kind, 0, size));
    if (!op.has(3)) continue;
    const Value biases = op.select(op.input(3), 0, direction);
    result.push_back(reordered(op, biases, kind, 0, size));
    result.push_back(reordered(op, biases, kind, rows, size));
  }
  return result;
}

Value flipped(Operator& op, Value value) {
  const Sizes shape = *value.shape;
  return op.emit("flip", {{"self", op.build.id(value)}, {"dims", std::vector<std::int64_t>{0}}},
                 shape, value.dtype);
}

void check_activations(const Operator& op, const std::vector<std::string>& standard,
                       std::int64_t directions) {
  const auto found = op.node.attributes.find("activations");
  if (found == op.node.attributes.end() || found->second.texts.empty()) return;
  const std::vector<std::string>& given = found->second.texts;
  require(given.size() == standard.size() * static_cast<std::size_t>(directions));
  for (std::size_t i = 0; i < given.size(); ++i) require(given[i] == standard[i % standard.size()]);
}

void layer(Operator& op, const Kind& kind, const std::vector<std::string>& activations) {
  const Sizes input = op.shape(0);
  const std::string direction = op.text("direction", "forward");
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  const std::int64_t size = op.number("hidden_size", 0);
  if (input.size() != 3) throw Contradiction("what a recurrent layer is given has not three axes");
  require(size > 0 && size <= std::int64_t{1} << 31);
  require(op.number("layout", 0) == 0 && !op.given("clip") && !op.has(4) && !op.has(7));
  check_activations(op, activations, directions);
  const bool lstm = kind.aten == "lstm";
  std::vector<Value> params = weights(op, kind, directions, size);
  const Sizes state = {{directions, 0}, input[1], {size, 0}};
  std::vector<Value> states;
  for (std::size_t i = 5; i < (lstm ? 7U : 6U); ++i) {
    if (op.has(i)) {
      states.push_back(op.input(i));
      require(states.back().shape.has_value() && states.back().shape->size() == 3);
      continue;
    }
    Argument sizes = op.build.sizes(state);
    states.push_back(op.emit("zeros", {{"size", std::move(sizes)}}, state, op.dtype(0)));
  }
  Value x = op.input(0);
  if (direction == "reverse") x = flipped(op, x);
  const Argument hx = lstm ? op.build.tensors(states) : Argument(op.build.id(states[0]));
  const Sizes made = {input[0], input[1], {directions * size, 0}};
  std::vector<std::pair<Sizes, DType>> outputs = {{made, x.dtype}, {state, x.dtype}};
  if (lstm) outputs.emplace_back(state, x.dtype);
  const ValueId from = op.build.id(x);
  std::vector<Value> results = op.build.emit_several(kind.aten,
                                                     {{"input", from},
                                                      {"hx", hx},
                                                      {"params", op.build.tensors(params)},
                                                      {"has_biases", op.has(3)},
                                                      {"num_layers", std::int64_t{1}},
                                                      {"dropout", 0.0},
                                                      {"train", false},
                                                      {"bidirectional", directions == 2},
                                                      {"batch_first", false}},
                                                     outputs);
  if (direction == "reverse") results[0] = flipped(op, results[0]);
  const Value apart = op.reshape(results[0], {input[0], input[1], {directions, 0}, {size, 0}});
  results[0] = op.permute(apart, {0, 2, 1, 3});
  op.outputs = std::move(results);
}

void lstm(Operator& op) {
  require(op.number("input_forget", 0) == 0);
  layer(op, {"lstm", {0, 2, 3, 1}}, {"Sigmoid", "Tanh", "Tanh"});
}

void gru(Operator& op) {
  require(op.number("linear_before_reset", 0) != 0);
  layer(op, {"gru", {1, 0, 2}}, {"Sigmoid", "Tanh"});
}

void rnn(Operator& op) {
  const auto found = op.node.attributes.find("activations");
  const bool relu = found != op.node.attributes.end() && !found->second.texts.empty() &&
                    found->second.texts.front() == "Relu";
  layer(op, {relu ? "rnn_relu" : "rnn_tanh", {0}}, {relu ? "Relu" : "Tanh"});
}

constexpr std::array kRows =
    std::to_array<TranslatorRow>({{"GRU", gru}, {"LSTM", lstm}, {"RNN", rnn}});

}  // namespace

std::span<const TranslatorRow> recurrent_translators() { return kRows; }

}  // namespace mgit::onnx
