#include <cmath>
#include <deque>

#include "base/random.h"
#include "graph/random_network.h"
#include "graph/run_graph.h"
#include "mgit/format.h"
#include "mgit/random_permutation.h"

namespace mgit {

namespace {

constexpr double kLargestChange = 1e-9;
constexpr double kSmallestDifference = 1e-7;  // of a control that counts
constexpr std::size_t kInputs = 3;            // for the permutation of all groups
constexpr std::uint64_t kManyParameters = 4'000'000;

using Outputs = std::vector<GraphTensor>;
using Inputs = std::map<ValueId, GraphTensor>;

/// The largest difference of an output, against its largest element. Equal infinities are equal;
/// infinity for outputs that are no numbers.
double change_of(const Outputs& before, const Outputs& after) {
  double worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    double largest = 0;
    double difference = 0;
    for (std::size_t j = 0; j < before[i].values.size(); ++j) {
      const double a = before[i].values[j];
      const double b = after[i].values[j];
      if (a == b && !std::isfinite(a)) continue;
      if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, std::fabs(a));
      difference = std::max(difference, std::fabs(a - b));
    }
    if (difference > 0) worst = std::max(worst, difference / std::max(largest, difference * 1e-9));
  }
  return worst;
}

bool all_numbers(const Outputs& outputs) {
  return std::none_of(outputs.begin(), outputs.end(), [](const GraphTensor& tensor) {
    return std::any_of(tensor.values.begin(), tensor.values.end(),
                       [](double value) { return std::isnan(value); });
  });
}

/// `spec` with an axis that does not move.
Spec without_axis(Spec spec, const std::string& tensor, std::size_t axis) {
  for (SpecTensor& each : spec.tensors)
    if (each.name == tensor) each.axes[axis].occurrences.clear();
  return spec;
}

class Prover {
 public:
  Prover(const Graph& graph, const Spec& spec, const TensorSource& network, std::uint64_t seed,
         const RunsDone& advance)
      : graph_(graph),
        spec_(spec),
        random_(seed),
        weights_(random_weights(graph, network, random_)),
        advance_(advance) {
    for (const GraphParameter& parameter : graph.parameters)
      if (weights_.find(parameter.tensor) != nullptr)
        unmoved_.try_emplace(parameter.value, graph_tensor(weights_.read(parameter.tensor).view));
    for (const auto& [id, tensor] : unmoved_) parameters_ += tensor.values.size();
  }

  NumericProof result() {
    try {
      const std::vector<GroupMembers> members = group_members(spec_);
      runs_ = 2 * kInputs + spec_.groups.size();
      for (const GroupMembers& group : members) runs_ += group.axes.size();
      run_inputs();
      advance(kInputs);
      const Permutation all = random_permutation(spec_, random_);
      if (!all_numbers(originals_.front())) return not_proved("outputs that are no numbers");
      if (all.identity()) return not_proved("there is nothing that can move");
      for (std::size_t i = 0; i < inputs_.size(); ++i)
        if (!keeps(all, i)) return not_proved("all groups at once change the outputs" + amount());
      for (std::uint32_t group = 0; group < spec_.groups.size(); ++group)
        if (!prove_group(group, restricted_to(spec_, all, group), members[group])) return proof_;
      if (!unheard_.empty())
        return not_proved("nothing changes where group " + quote_name(unheard_) +
                          " is left out of an axis");
      proof_.proved = true;
    } catch (const Error& error) {
      return not_proved(error.what());
    }
    return proof_;
  }

 private:
  NumericProof not_proved(const std::string& reason) {
    proof_.reason = reason;
    return proof_;
  }

  void advance(std::uint64_t runs) const {
    if (advance_) advance_(runs, runs_);
  }

  std::string amount() const { return fmt::format(" by {:.2g}", proof_.largest_change); }

  /// Lengths of open axes and ranges of integers are tried until the graph can be run.
  void run_inputs() {
    const InputKind kinds[] = {{0, 7}, {0, 2}, {3, 7}, {4, 7}, {3, 2}, {4, 2}, {2, 2}, {8, 2}};
    std::optional<Error> first;
    for (const InputKind& kind : kinds) {
      try {
        std::vector<Inputs> inputs;
        std::vector<Outputs> originals;
        for (std::size_t i = 0; i < kInputs; ++i) {
          inputs.push_back(random_inputs(graph_, kind, random_));
          originals.push_back(run_graph_on(graph_, given(inputs.back())));
        }
        inputs_ = std::move(inputs);
        originals_ = std::move(originals);
        return;
      } catch (const Error& error) {
        if (!first) first = error;
      }
    }
    throw *first;
  }

  GivenTensors given(const Inputs& inputs) const {
    GivenTensors result;
    for (const auto& [id, tensor] : unmoved_) result.emplace(id, &tensor);
    for (const auto& [id, tensor] : inputs) result.emplace(id, &tensor);
    return result;
  }

  double change(const Spec& spec, const Permutation& permutation, std::size_t input) const {
    GivenTensors tensors = given(inputs_[input]);
    std::deque<GraphTensor> moved;
    if (!move(spec, permutation, tensors, moved)) return std::numeric_limits<double>::infinity();
    return change_of(originals_[input], run_graph_on(graph_, tensors));
  }

  /// False: two names of one tied weight have different tensors.
  bool move(const Spec& spec, const Permutation& permutation, GivenTensors& tensors,
            std::deque<GraphTensor>& moved) const {
    const PermutedModel model(weights_, spec, permutation);
    std::map<ValueId, const GraphTensor*> first;
    for (const GraphParameter& parameter : graph_.parameters) {
      const SpecTensor* tensor = spec.find(parameter.tensor);
      if (weights_.find(parameter.tensor) == nullptr || tensor == nullptr) continue;
      const std::vector<Gather> gathers = tensor_gathers(spec, *tensor, permutation);
      const GraphTensor* result = &unmoved_.at(parameter.value);
      if (!std::all_of(gathers.begin(), gathers.end(), [](const Gather& g) { return g.empty(); })) {
        moved.push_back(graph_tensor(model.read(parameter.tensor).view));
        result = &moved.back();
      }
      const auto [known, fresh] = first.emplace(parameter.value, result);
      if (!fresh && known->second != result && known->second->values != result->values)
        return false;
      tensors[parameter.value] = result;
    }
    return true;
  }

  bool keeps(const Permutation& permutation, std::size_t input) {
    const double found = change(spec_, permutation, input);
    proof_.largest_change = std::max(proof_.largest_change, found);
    ++proof_.permutations;
    advance(1);
    return found <= kLargestChange;
  }

  /// False: the group changes the outputs.
  bool prove_group(std::uint32_t group, const Permutation& moved, const GroupMembers& members) {
    if (moved.identity()) {
      advance(1 + members.axes.size());
      return true;
    }
    const std::string& name = spec_.groups[group].name;
    if (!keeps(moved, 0)) {
      not_proved("group " + quote_name(name) + " changes the outputs" + amount());
      return false;
    }
    bool heard = false;
    for (const auto& [tensor, axis] : members.axes) {
      advance(1);
      if (weights_.find(tensor) == nullptr) continue;
      if (heard && parameters_ > kManyParameters) continue;
      ++proof_.controls;
      if (change(without_axis(spec_, tensor, axis), moved, 0) > kSmallestDifference)
        heard = true;
      else
        proof_.silent.push_back(
            fmt::format("{} axis {} in {}", quote_name(tensor), axis, quote_name(name)));
    }
    if (!heard && unheard_.empty()) unheard_ = name;
    return true;
  }

  const Graph& graph_;
  const Spec& spec_;
  Random random_;
  MemoryModel weights_;
  std::map<ValueId, GraphTensor> unmoved_;
  std::uint64_t parameters_ = 0;
  std::vector<Inputs> inputs_;
  std::vector<Outputs> originals_;
  NumericProof proof_;
  std::string unheard_;  // the first group whose controls are all silent
  const RunsDone& advance_;
  std::uint64_t runs_ = 0;
};

}  // namespace

NumericProof prove(const Graph& graph, const Spec& spec, const TensorSource& network,
                   std::uint64_t seed, const RunsDone& advance) {
  return Prover(graph, spec, network, seed, advance).result();
}

}  // namespace mgit
