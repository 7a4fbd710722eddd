// Recurrent layers, as one operator: LSTM, GRU, RNN; several layers, both directions.
#include <cmath>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// Weights of one layer in one direction; missing ones are null.
struct Cell {
  const Array* input_weight = nullptr;
  const Array* hidden_weight = nullptr;
  const Array* input_bias = nullptr;
  const Array* hidden_bias = nullptr;
  const Array* projection = nullptr;
};

/// State of one layer in one direction: [batch, hidden].
struct State {
  Array hidden;
  Array cell;  // of an LSTM
};

/// The part of gates [batch, gates * size] that one gate is.
Array gate(const Array& gates, std::size_t index, std::size_t parts) {
  const std::size_t size = gates.shape[1] / parts;
  return sliced(gates, 1, index * size, size);
}

Array sum(const Array& a, const Array& b) { return zip(a, b, std::plus<>()); }
Array times(const Array& a, const Array& b) { return zip(a, b, std::multiplies<>()); }

using Step = State (*)(const Array& input, const Array& hidden, const State& before);

State lstm_step(const Array& input, const Array& hidden, const State& before) {
  const Array gates = sum(input, hidden);  // in, forget, cell, out
  require(gates.shape[1] % 4 == 0, "gates that are no four");
  const Array in = map(gate(gates, 0, 4), sigmoid);
  const Array forget = map(gate(gates, 1, 4), sigmoid);
  const Array fresh = map(gate(gates, 2, 4), [](double x) { return std::tanh(x); });
  const Array out = map(gate(gates, 3, 4), sigmoid);
  State after;
  after.cell = sum(times(forget, before.cell), times(in, fresh));
  after.hidden = times(out, map(after.cell, [](double x) { return std::tanh(x); }));
  return after;
}

State gru_step(const Array& input, const Array& hidden, const State& before) {
  require(input.shape[1] % 3 == 0, "gates that are no three");
  const Array reset = map(sum(gate(input, 0, 3), gate(hidden, 0, 3)), sigmoid);
  const Array update = map(sum(gate(input, 1, 3), gate(hidden, 1, 3)), sigmoid);
  const Array fresh = map(sum(gate(input, 2, 3), times(reset, gate(hidden, 2, 3))),
                          [](double x) { return std::tanh(x); });
  State after = before;
  after.hidden =
      sum(times(map(update, [](double x) { return 1 - x; }), fresh), times(update, before.hidden));
  return after;
}

State tanh_step(const Array& input, const Array& hidden, const State& before) {
  State after = before;
  after.hidden = map(sum(input, hidden), [](double x) { return std::tanh(x); });
  return after;
}

State relu_step(const Array& input, const Array& hidden, const State& before) {
  State after = before;
  after.hidden = map(sum(input, hidden), [](double x) { return x > 0 ? x : 0; });
  return after;
}

/// Runs over the sequence [time, batch, features], backwards if asked. Gives [time, batch, hidden].
Array run_cell(const Array& sequence, const Cell& cell, State& state, Step step, bool backwards) {
  std::vector<Array> outputs(sequence.shape[0]);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::size_t time = backwards ? outputs.size() - 1 - i : i;
    const Array now = without_axis(sliced(sequence, 0, time, 1), 0);
    state = step(affine(now, *cell.input_weight, cell.input_bias),
                 affine(state.hidden, *cell.hidden_weight, cell.hidden_bias), state);
    if (cell.projection != nullptr) state.hidden = affine(state.hidden, *cell.projection, nullptr);
    outputs[time] = with_axis(state.hidden, 0);
  }
  return concatenated(outputs, 0);
}

/// The cells of all layers, both directions of a layer side by side.
std::vector<Cell> cells_of(const std::vector<const Array*>& weights, std::size_t cells,
                           bool biases) {
  require(cells > 0 && weights.size() % cells == 0, "weights for other layers");
  const std::size_t each = weights.size() / cells;
  const std::size_t plain = biases ? 4 : 2;
  require(each == plain || each == plain + 1, "weights for other layers");
  std::vector<Cell> result;
  for (std::size_t i = 0; i < cells; ++i) {
    const auto* first = weights.data() + i * each;
    require(std::all_of(first, first + each, [](const Array* a) { return a != nullptr; }),
            "None among the weights");
    result.push_back({first[0], first[1], biases ? first[2] : nullptr, biases ? first[3] : nullptr,
                      each > plain ? first[plain] : nullptr});
  }
  return result;
}

Array layer_of(const Array& states, std::size_t index) {
  return without_axis(sliced(states, 0, index, 1), 0);
}

Arrays recurrent(const Call& call, Step step, bool has_cell) {
  require(!call.flag("train", false) || call.number("dropout", 0) == 0, "dropout while training");
  require(call.node().find("batch_sizes") == nullptr, "packed sequences");
  const bool batch_first = call.flag("batch_first", false);
  const std::size_t directions = call.flag("bidirectional", false) ? 2 : 1;
  const std::size_t layers = call.natural("num_layers");
  const std::vector<Array> initial =
      has_cell ? call.arrays("hx") : std::vector<Array>{call.tensor("hx")};
  require(initial.size() == (has_cell ? 2 : 1), "other states than there are");
  const std::vector<Cell> cells =
      cells_of(call.tensors("params"), layers * directions, call.flag("has_biases", true));
  Array sequence = call.tensor("input");
  const bool batched = sequence.shape.size() == 3;
  require(batched || sequence.shape.size() == 2, "a sequence of other axes");
  if (!batched) sequence = with_axis(std::move(sequence), 1);
  if (batched && batch_first) sequence = swapped(sequence, 0, 1);
  std::vector<Array> hidden;
  std::vector<Array> cell;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    std::vector<Array> outputs;
    for (std::size_t direction = 0; direction < directions; ++direction) {
      const std::size_t at = layer * directions + direction;
      const auto start = [&](const Array& states) {
        return batched ? layer_of(states, at) : with_axis(layer_of(states, at), 0);
      };
      State state{start(initial[0]), has_cell ? start(initial[1]) : Array{}};
      outputs.push_back(run_cell(sequence, cells[at], state, step, direction == 1));
      hidden.push_back(with_axis(batched ? state.hidden : without_axis(state.hidden, 0), 0));
      if (has_cell)
        cell.push_back(with_axis(batched ? state.cell : without_axis(state.cell, 0), 0));
    }
    sequence = concatenated(outputs, 2);
  }
  if (batched && batch_first) sequence = swapped(sequence, 0, 1);
  if (!batched) sequence = without_axis(std::move(sequence), 1);
  Arrays result = {sequence, concatenated(hidden, 0)};
  if (has_cell) result.push_back(concatenated(cell, 0));
  return result;
}

Arrays lstm(const Call& call) { return recurrent(call, lstm_step, true); }
Arrays gru(const Call& call) { return recurrent(call, gru_step, false); }
Arrays rnn_tanh(const Call& call) { return recurrent(call, tanh_step, false); }
Arrays rnn_relu(const Call& call) { return recurrent(call, relu_step, false); }

/// One step of a cell: [batch, features], or without a batch.
Arrays one_step(const Call& call, Step step, bool has_cell) {
  const std::vector<Array> states =
      has_cell ? call.arrays("hx") : std::vector<Array>{call.tensor("hx")};
  require(states.size() == (has_cell ? 2 : 1), "other states than there are");
  const bool batched = call.tensor("input").shape.size() == 2;
  require(batched || call.tensor("input").shape.size() == 1, "a step of other axes");
  const auto rows = [&](const Array& array) { return batched ? array : with_axis(array, 0); };
  const auto bias = [&](const char* name) { return call.has(name) ? &call.tensor(name) : nullptr; };
  const State before{rows(states[0]), has_cell ? rows(states[1]) : Array{}};
  const State after = step(affine(rows(call.tensor("input")), call.tensor("w_ih"), bias("b_ih")),
                           affine(before.hidden, call.tensor("w_hh"), bias("b_hh")), before);
  const auto plain = [&](const Array& array) { return batched ? array : without_axis(array, 0); };
  Arrays result = {plain(after.hidden)};
  if (has_cell) result.push_back(plain(after.cell));
  return result;
}

Arrays lstm_cell(const Call& call) { return one_step(call, lstm_step, true); }
Arrays gru_cell(const Call& call) { return one_step(call, gru_step, false); }
Arrays rnn_tanh_cell(const Call& call) { return one_step(call, tanh_step, false); }
Arrays rnn_relu_cell(const Call& call) { return one_step(call, relu_step, false); }

}  // namespace

const Operators& recurrent_operators() {
  static const Operators kOperators = {
      {"aten.lstm", lstm},
      {"aten.gru", gru},
      {"aten.rnn_tanh", rnn_tanh},
      {"aten.rnn_relu", rnn_relu},
      {"aten.lstm_cell", lstm_cell},
      {"aten.gru_cell", gru_cell},
      {"aten.rnn_tanh_cell", rnn_tanh_cell},
      {"aten.rnn_relu_cell", rnn_relu_cell},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
