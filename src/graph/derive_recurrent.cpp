// LSTM, GRU and plain recurrent layers: gates are stacked, and the units of all of them move alike.
#include <array>

#include "graph/derive_rules.h"

namespace mgit::derivation {
namespace {

constexpr const char* kStacked = "the states of several layers, stacked";

/// One layer in one direction.
struct Cell {
  std::uint64_t gates = 1;
  Term units;   // of the gates and the cell's state
  Term output;  // of what it passes on: the units, or their projection
};

/// Joins gates * units with the rows of a weight or bias.
void join_gates(Terms& terms, const Cell& cell, const Layout& rows) {
  const Length size = terms.size(cell.units);
  if (rows.dims.empty() || !size) return;
  terms.unify(rows.dims[0], terms.product({terms.fixed(cell.gates, kSilent), cell.units}));
}

/// Weights of one cell, in ATen's order: w_ih, w_hh, b_ih, b_hh, and w_hr of a projection.
std::optional<Cell> read_cell(const Call& call, std::uint64_t gates, Term input,
                              std::span<const ValueId> weights, bool biases) {
  Terms& terms = call.terms();
  const std::size_t fixed = biases ? 4 : 2;
  const Layout ih = call.layout(weights[0]);
  const Layout hh = call.layout(weights[1]);
  if (ih.dims.size() != 2 || hh.dims.size() != 2) return std::nullopt;
  const Length rows = terms.size(ih.dims[0]);
  if (!rows || *rows % gates != 0) return std::nullopt;
  Cell cell;
  cell.gates = gates;
  cell.units = terms.atom(*rows / gates);
  cell.output = cell.units;
  terms.unify(input, ih.dims[1]);
  join_gates(terms, cell, ih);
  join_gates(terms, cell, hh);
  if (biases) {
    join_gates(terms, cell, call.layout(weights[2]));
    join_gates(terms, cell, call.layout(weights[3]));
  }
  if (weights.size() > fixed) {
    const Layout projection = call.layout(weights[fixed]);
    if (projection.dims.size() != 2) return std::nullopt;
    terms.unify(projection.dims[1], cell.units);
    cell.output = projection.dims[0];
  }
  terms.unify(hh.dims[1], cell.output);
  for (const Layout* weight : {&ih, &hh}) {
    call.in.separate(weight->dims[0], weight->dims[1]);
    call.in.separate(weight->dims[1], weight->dims[0]);
  }
  return cell;
}

/// States before and after: [layers, batch, units].
void join_states(const Call& call, const std::vector<Term>& units, ValueId state) {
  Layout layout = call.layout(state);
  if (layout.dims.empty() || is_loose(call.terms(), layout, layout.dims.size() - 1)) return;
  for (const Term term : units) call.terms().unify(layout.dims.back(), term);
}

void set_state(const Call& call, const std::vector<Term>& units, std::size_t output, Term batch) {
  if (call.node.outputs.size() <= output) return;
  const ValueId value = call.output(output);
  if (!call.in.is_used(value)) return;
  Terms& terms = call.terms();
  for (const Term term : units) terms.unify(units.front(), term);
  Layout layout;
  layout.dims = {terms.fixed(units.size(), kStacked), batch, units.front()};
  if (call.rank(value) == 2) layout.dims.erase(layout.dims.begin() + 1);
  call.in.set(value, std::move(layout));
}

bool layers(const Call& call, std::uint64_t gates) {
  const auto input = call.value("input");
  const std::vector<ValueId> params = call.values("params");
  std::vector<ValueId> states = call.values("hx");
  if (const auto one = call.value("hx")) states.push_back(*one);
  const auto count = call.number("num_layers", 1);
  if (!input || !count || *count < 1 || call.rank(*input) < 2) return false;
  Terms& terms = call.terms();
  const Layout x = call.layout(*input);
  const bool biases = call.flag("has_biases", true);
  const std::size_t directions = call.flag("bidirectional", false) ? 2 : 1;
  const std::size_t cells = static_cast<std::size_t>(*count) * directions;
  if (params.empty() || params.size() % cells != 0) return false;
  const std::size_t each = params.size() / cells;
  if (each < (biases ? 4U : 2U) || each > (biases ? 5U : 3U)) return false;
  const std::size_t sequence = x.dims.size() == 3 && call.flag("batch_first", false) ? 1 : 0;
  terms.pin(x.dims[sequence], "steps in time");
  Term passed = x.dims.back();
  std::vector<Term> outputs;
  std::vector<Term> units;
  for (std::size_t layer = 0; layer * directions < cells; ++layer) {
    std::vector<Term> both;
    for (std::size_t direction = 0; direction < directions; ++direction) {
      const std::size_t first = (layer * directions + direction) * each;
      const auto cell =
          read_cell(call, gates, passed, std::span(params).subspan(first, each), biases);
      if (!cell) return false;
      both.push_back(cell->output);
      outputs.push_back(cell->output);
      units.push_back(cell->units);
    }
    passed = terms.sum(std::move(both));
  }
  if (!states.empty()) join_states(call, outputs, states[0]);
  if (states.size() > 1) join_states(call, units, states[1]);
  Layout made = x;
  made.loose.clear();
  made.dims.back() = passed;
  call.in.set(call.output(), std::move(made));
  const Term batch = x.dims.size() == 3 ? x.dims[sequence == 1 ? 0 : 1] : terms.unit();
  set_state(call, outputs, 1, batch);
  set_state(call, units, 2, batch);
  return true;
}

bool lstm(const Call& call) { return layers(call, 4); }
bool gru(const Call& call) { return layers(call, 3); }
bool rnn(const Call& call) { return layers(call, 1); }

bool cell(const Call& call, std::uint64_t gates) {
  const auto input = call.value("input");
  std::vector<ValueId> weights;
  for (const std::string_view name : {"w_ih", "w_hh", "b_ih", "b_hh"})
    if (const auto weight = call.value(name)) weights.push_back(*weight);
  std::vector<ValueId> states = call.values("hx");
  if (const auto one = call.value("hx")) states.push_back(*one);
  if (!input || (weights.size() != 2 && weights.size() != 4)) return false;
  const Layout x = call.layout(*input);
  const auto made = read_cell(call, gates, x.dims.back(), weights, weights.size() == 4);
  if (!made) return false;
  for (const ValueId state : states) join_states(call, {made->units}, state);
  for (const ValueId output : call.node.outputs) {
    Layout layout = x;
    layout.loose.clear();
    layout.dims.back() = made->units;
    call.in.set(output, std::move(layout));
  }
  return true;
}

bool lstm_cell(const Call& call) { return cell(call, 4); }
bool gru_cell(const Call& call) { return cell(call, 3); }
bool rnn_cell(const Call& call) { return cell(call, 1); }

constexpr RuleRow kRules[] = {{"lstm", lstm},
                              {"gru", gru},
                              {"rnn_tanh", rnn},
                              {"rnn_relu", rnn},
                              {"lstm_cell", lstm_cell},
                              {"gru_cell", gru_cell},
                              {"rnn_tanh_cell", rnn_cell},
                              {"rnn_relu_cell", rnn_cell}};

}  // namespace

std::span<const RuleRow> recurrent_rules() { return kRules; }

}  // namespace mgit::derivation
