#include "unit/graph/exchange_search.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "graph/run_graph.h"
#include "unit/graph/random_graph.h"

namespace mgit::testing {

namespace {

Gather identity(std::size_t length) {
  Gather result(length);
  std::iota(result.begin(), result.end(), 0U);
  return result;
}

/// The tensor with the moves of its axes.
template <typename T>
std::vector<T> moved(const std::vector<T>& values, const Shape& shape,
                     const std::vector<const Gather*>& gathers) {
  std::vector<T> result(values.size());
  std::vector<std::size_t> at(shape.size(), 0);
  for (T& value : result) {
    std::size_t from = 0;
    for (std::size_t k = 0; k < shape.size(); ++k)
      from = from * shape[k] + (gathers[k] == nullptr ? at[k] : (*gathers[k])[at[k]]);
    value = values[from];
    for (std::size_t k = shape.size(); k-- > 0;) {
      if (++at[k] < shape[k]) break;
      at[k] = 0;
    }
  }
  return result;
}

std::vector<ValueId> values_of(const GraphNode& node) {
  std::vector<ValueId> result;
  for (const auto& [_, argument] : node.arguments) {
    if (const auto* id = std::get_if<ValueId>(&argument)) result.push_back(*id);
    if (const auto* ids = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& id : *ids)
        if (id) result.push_back(*id);
  }
  return result;
}

/// The moves of an axis of this length that exchange two of the units; the first one moves nothing.
std::vector<Gather> moves_of(std::size_t length, const ExchangedUnits& units) {
  constexpr std::size_t kMostPlaces = 6;  // of one exchange on an axis; else its ends alone
  std::vector<Gather> result = {identity(length)};
  const auto add = [&](std::size_t offset, std::size_t outer, std::size_t inner) {
    Gather gather = result.front();
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < inner; ++i) {
        const std::size_t start = offset + o * units.count * inner + i;
        std::swap(gather[start + units.a * inner], gather[start + units.b * inner]);
      }
    if (std::find(result.begin(), result.end(), gather) == result.end())
      result.push_back(std::move(gather));
  };
  for (std::size_t inner = 1; inner * units.count <= length; ++inner) {
    const std::size_t whole = inner * units.count;
    if (length % whole == 0) add(0, length / whole, inner);
    add(0, 1, inner);
    add(length - whole, 1, inner);
    if (length / whole <= kMostPlaces)
      for (std::size_t offset = whole; offset + whole <= length; offset += whole)
        add(offset, 1, inner);
  }
  return result;
}

}  // namespace

class ExchangeSearch::Impl {
 public:
  Impl(const Graph& graph, std::size_t most_runs) : graph_(graph), most_runs_(most_runs) {
    now_.resize(graph.values.size(), nullptr);
    original_.resize(graph.values.size());
    for (auto& [id, tensor] : drawn_numbers(graph_, 7)) {
      original_[id] = std::move(tensor);
      now_[id] = &original_[id];
    }
    for (const GraphParameter& parameter : graph_.parameters)
      names_[parameter.value] = parameter.tensor;
    for (const auto& [id, constant] : graph_.constants) {
      original_[id] = graph_tensor({constant.info.dtype, constant.info.shape, *constant.data});
      now_[id] = &original_[id];
    }
    for (const GraphNode& node : graph_.nodes) {
      alone_.push_back(Graph{graph.source, graph.values, {node}, {}, {}, {}, node.outputs});
      std::vector<GraphTensor> results = compute(alone_.size() - 1);
      for (std::size_t i = 0; i < results.size(); ++i) {
        original_[node.outputs[i]] = std::move(results[i]);
        now_[node.outputs[i]] = &original_[node.outputs[i]];
      }
    }
  }

  bool run(const ExchangedUnits& units, std::vector<Exchange>& found) {
    units_ = units;
    found_ = &found;
    runs_ = 0;
    visit(0, 0);
    return runs_ <= most_runs_;
  }

 private:
  /// What the parameters that a node is the first to read may do, and what comes of it.
  struct Choice {
    std::vector<std::size_t> moves;  // by axis: of moves_of
    std::size_t axes = 0;            // that move
    std::vector<GraphTensor> results;
  };
  static constexpr std::size_t kMostFree = 4;  // nodes with more moves than they must have

  std::vector<GraphTensor> compute(std::size_t node) const {
    GivenTensors given;
    for (const ValueId id : values_of(graph_.nodes[node])) given[id] = now_[id];
    return run_graph_on(alone_[node], given);
  }

  /// Of each of the batch, the same numbers; of a state of LSTM, of all.
  static bool rearranged(const GraphTensor& a, const GraphTensor& b) {
    std::vector<double> left = a.values;
    std::vector<double> right = b.values;
    const auto size = static_cast<std::ptrdiff_t>(left.size() / a.shape.front());
    for (std::ptrdiff_t at = 0; at < std::ssize(left); at += size) {
      std::sort(left.begin() + at, left.begin() + at + size);
      std::sort(right.begin() + at, right.begin() + at + size);
    }
    return near(left, right);
  }

  const std::vector<Gather>& moves(std::size_t length) {
    std::vector<Gather>& result = moves_[{units_.count, units_.a, units_.b, length}];
    if (result.empty()) result = moves_of(length, units_);
    return result;
  }

  void move(ValueId parameter, const std::size_t* chosen, GraphTensor& storage) {
    const Shape& shape = original_[parameter].shape;
    std::vector<const Gather*> gathers;
    bool any = false;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      any |= chosen[k] != 0;
      gathers.push_back(chosen[k] == 0 ? nullptr : &moves(shape[k])[chosen[k]]);
    }
    now_[parameter] = &original_[parameter];
    if (!any) return;
    storage = {DType::kF64, shape, moved(original_[parameter].values, shape, gathers)};
    now_[parameter] = &storage;
  }

  void visit(std::size_t index, std::size_t free) {
    if (runs_ > most_runs_) return;
    if (index == graph_.nodes.size()) return finish();
    const GraphNode& node = graph_.nodes[index];
    std::vector<ValueId> fresh;
    bool still = true;
    for (const ValueId id : values_of(node)) {
      if (names_.contains(id) && !chosen_.contains(id)) {
        if (std::find(fresh.begin(), fresh.end(), id) == fresh.end()) fresh.push_back(id);
      } else {
        still &= now_[id] == &original_[id];
      }
    }
    if (still && fresh.empty()) {
      for (const ValueId id : node.outputs) now_[id] = &original_[id];
      return visit(index + 1, free);
    }
    std::vector<Choice> choices = tried(index, fresh, still);
    if (choices.empty()) return;
    std::stable_sort(choices.begin(), choices.end(),
                     [](const Choice& a, const Choice& b) { return a.axes < b.axes; });
    const std::size_t least = choices.front().axes;
    for (Choice& choice : choices) {
      const std::size_t now_free = free + (choice.axes > least ? 1 : 0);
      if (now_free > kMostFree) break;
      take(choice, index);
      std::vector<GraphTensor> storage = settle(choice, fresh);
      visit(index + 1, now_free);
    }
    for (const ValueId id : fresh) {
      chosen_.erase(id);
      now_[id] = &original_[id];
    }
  }

  std::vector<GraphTensor> settle(const Choice& choice, const std::vector<ValueId>& fresh) {
    std::vector<GraphTensor> storage(fresh.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      const std::size_t rank = original_[fresh[i]].shape.size();
      move(fresh[i], &choice.moves[at], storage[i]);
      chosen_[fresh[i]].assign(choice.moves.begin() + static_cast<std::ptrdiff_t>(at),
                               choice.moves.begin() + static_cast<std::ptrdiff_t>(at + rank));
      at += rank;
    }
    return storage;
  }

  void take(const Choice& choice, std::size_t index) {
    const GraphNode& node = graph_.nodes[index];
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const GraphTensor& before = original_[node.outputs[i]];
      const bool same = choice.results.empty() || near(before.values, choice.results[i].values);
      now_[node.outputs[i]] = same ? &before : &choice.results[i];
    }
  }

  /// The choices after which the node computes the same numbers.
  std::vector<Choice> tried(std::size_t index, const std::vector<ValueId>& fresh, bool still) {
    const GraphNode& node = graph_.nodes[index];
    std::vector<std::size_t> bounds;
    for (const ValueId id : fresh) {
      const Shape& shape = original_[id].shape;
      for (std::size_t k = 0; k < shape.size(); ++k)
        bounds.push_back(shape.size() > 2 && k > 1 ? 1 : moves(shape[k]).size());
    }
    std::vector<Choice> result;
    Choice choice{std::vector<std::size_t>(bounds.size(), 0), 0, {}};
    for (;;) {
      choice.axes = bounds.size() - static_cast<std::size_t>(
                                        std::count(choice.moves.begin(), choice.moves.end(), 0U));
      if (still && choice.axes == 0) {
        result.push_back(choice);
      } else {
        if (++runs_ > most_runs_) return {};
        const std::vector<GraphTensor> storage = settle(choice, fresh);
        choice.results = compute(index);
        bool fits = true;
        bool same = still;
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
          const GraphTensor& before = original_[node.outputs[i]];
          same = same && near(before.values, choice.results[i].values);
          fits = fits && (same || rearranged(before, choice.results[i]));
        }
        if (same)
          record();
        else if (fits)
          result.push_back(choice);
        choice.results.clear();
        for (const ValueId id : fresh) chosen_.erase(id);
      }
      std::size_t k = 0;
      while (k < bounds.size() && ++choice.moves[k] == bounds[k]) choice.moves[k++] = 0;
      if (k == bounds.size()) break;
    }
    for (const ValueId id : fresh) now_[id] = &original_[id];
    return result;
  }

  void finish() {
    for (const ValueId id : graph_.outputs)
      if (!near(original_[id].values, now_[id]->values)) return;
    record();
  }

  void record() {
    Exchange exchange;
    for (const auto& [id, chosen] : chosen_)
      for (std::size_t k = 0; k < chosen.size(); ++k)
        if (chosen[k] != 0)
          exchange.push_back({names_.at(id), k, moves(original_[id].shape[k])[chosen[k]]});
    std::sort(exchange.begin(), exchange.end(), [](const AxisMove& a, const AxisMove& b) {
      return std::tie(a.tensor, a.axis) < std::tie(b.tensor, b.axis);
    });
    if (!exchange.empty()) found_->push_back(std::move(exchange));
  }

  const Graph& graph_;
  std::size_t most_runs_;
  std::size_t runs_ = 0;
  ExchangedUnits units_;
  std::vector<Exchange>* found_ = nullptr;
  std::vector<Graph> alone_;  // a graph for each node
  std::vector<GraphTensor> original_;
  std::vector<const GraphTensor*> now_;
  std::map<ValueId, std::string> names_;                // of parameters
  std::map<ValueId, std::vector<std::size_t>> chosen_;  // by axis
  std::map<std::array<std::size_t, 4>, std::vector<Gather>> moves_;
};

ExchangeSearch::ExchangeSearch(const Graph& graph, std::size_t most_runs)
    : impl_(std::make_unique<Impl>(graph, most_runs)) {}
ExchangeSearch::~ExchangeSearch() = default;

bool ExchangeSearch::run(const ExchangedUnits& units, std::vector<Exchange>& found) {
  return impl_->run(units, found);
}

namespace {

/// Where every number of a tensor comes from.
std::vector<std::uint32_t> sources(const TensorInfo& info, const Exchange& exchange) {
  std::vector<const Gather*> gathers(info.rank(), nullptr);
  for (const AxisMove& move : exchange)
    if (move.tensor == info.name) gathers[move.axis] = &move.gather;
  return moved(identity(element_count(info.shape).value()), info.shape, gathers);
}

/// The permutation of the groups that an exchange would be, by what it does where they stand;
/// nullopt if a unit goes where none of its group stands.
std::optional<Permutation> read_back(const Spec& spec, const std::vector<TensorInfo>& network,
                                     const Exchange& exchange) {
  Permutation result = identity_permutation(spec);
  for (const TensorInfo& info : network) {
    const std::vector<std::uint32_t> from = sources(info, exchange);
    const SpecTensor& tensor = *spec.find(info.name);
    std::size_t inner = from.size();
    for (const SpecAxis& axis : tensor.axes) {
      inner /= axis.length;
      for (const Occurrence& at : axis.occurrences) {
        const Group& group = spec.groups[at.group];
        Gather& gather = result.groups[at.group];
        if (gather.empty()) gather = identity(unit_count(spec.groups, at.group));
        const std::uint64_t members = member_count(spec.groups, at.group);
        const auto unit = [&](std::uint64_t place) {
          const std::uint64_t outer = place / at.inner / group.size;
          return (at.first + outer / at.step) % members * group.size +
                 place / at.inner % group.size;
        };
        const std::uint64_t places = at.outer * group.size * at.inner;
        for (std::uint64_t place = 0; place < places; ++place) {
          const std::uint64_t source = from[(at.offset + place) * inner] / inner % axis.length;
          if (source < at.offset || source >= at.offset + places) return std::nullopt;
          gather[unit(place)] = static_cast<std::uint32_t>(unit(source - at.offset));
        }
      }
    }
  }
  return result;
}

}  // namespace

bool allows(const Spec& spec, const std::vector<TensorInfo>& network, const Exchange& exchange) {
  const std::optional<Permutation> permutation = read_back(spec, network, exchange);
  if (!permutation || permutation_fault(spec.groups, *permutation)) return false;
  MemoryModel numbered;
  for (TensorInfo info : network) {
    info.dtype = DType::kI32;
    const Gather numbers = identity(element_count(info.shape).value());
    Buffer data(numbers.size() * sizeof(std::uint32_t));
    std::memcpy(data.data(), numbers.data(), data.size());
    numbered.set(std::move(info), std::move(data));
  }
  const PermutedModel permuted(numbered, spec, *permutation);
  return std::all_of(network.begin(), network.end(), [&](const TensorInfo& info) {
    const std::vector<std::uint32_t> expected = sources(info, exchange);
    const TensorData data = permuted.read(info.name);
    return std::memcmp(data.view.data.data(), expected.data(),
                       expected.size() * sizeof(std::uint32_t)) == 0;
  });
}

Exchange product(const Exchange& first, const Exchange& second) {
  Exchange result = first;
  for (const AxisMove& move : second) {
    const auto at = std::find_if(result.begin(), result.end(), [&](const AxisMove& each) {
      return each.tensor == move.tensor && each.axis == move.axis;
    });
    if (at == result.end()) {
      result.push_back(move);
      continue;
    }
    Gather gather;
    for (const std::uint32_t source : move.gather) gather.push_back(at->gather[source]);
    at->gather = std::move(gather);
  }
  return result;
}

bool is_part(const Exchange& part, const Exchange& whole) {
  return std::all_of(part.begin(), part.end(), [&](const AxisMove& move) {
    return std::find(whole.begin(), whole.end(), move) != whole.end();
  });
}

std::string exchange_text(const Exchange& exchange) {
  std::string text;
  for (const AxisMove& move : exchange) {
    text += (text.empty() ? "" : "  ") + move.tensor + ":" + std::to_string(move.axis) + " ";
    for (std::uint32_t i = 0; i < move.gather.size(); ++i)
      if (move.gather[i] > i)
        text += "(" + std::to_string(i) + " " + std::to_string(move.gather[i]) + ")";
  }
  return text;
}

}  // namespace mgit::testing
