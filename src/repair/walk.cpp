#include "repair/walk.h"

#include <algorithm>

#include "mgit/format.h"
#include "repair/layer_nodes.h"

namespace mgit {
namespace {

std::size_t bytes_of(const Walk::Values& values) {
  std::size_t total = 0;
  for (const auto& [id, tensor] : values) total += tensor.view().data.size();
  return total;
}

GraphRunner::Inputs joined(const Walk::Values& a, const Walk::Values& b) {
  GraphRunner::Inputs result = a;
  result.insert(b.begin(), b.end());
  return result;
}

}  // namespace

Walk::Walk(const Graph& graph, std::vector<Network> networks, std::size_t end, std::size_t memory)
    : graph_(graph),
      networks_(std::move(networks)),
      end_(end),
      memory_(memory),
      made_(graph.values.size(), 0),
      last_use_(graph.values.size(), 0) {
  for (std::size_t i = 0; i < end_; ++i) {
    for (const ValueId id : graph.nodes[i].outputs) made_[id] = i + 1;
    for_each_given(graph.nodes[i], [&](ValueId id) { last_use_[id] = i + 1; });
  }
}

GraphRunner Walk::segment(std::size_t begin, std::size_t end) const {
  Graph part;
  part.source = graph_.source;
  part.values = graph_.values;
  part.constants = graph_.constants;
  part.nodes.assign(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(begin),
                    graph_.nodes.begin() + static_cast<std::ptrdiff_t>(end));
  return GraphRunner(std::move(part));
}

std::vector<ValueId> Walk::needed_from(std::size_t node) const {
  std::vector<ValueId> needed;
  for (ValueId id = 0; id < last_use_.size(); ++id)
    if (last_use_[id] > node && made_[id] <= node && !graph_.constants.contains(id) &&
        !networks_.front().parameters.contains(id))
      needed.push_back(id);
  return needed;
}

void Walk::keep_batches(std::size_t count) {
  for (Network& network : networks_)
    if (network.batches.size() > count) network.batches.resize(count);
}

void Walk::advance(std::size_t node) {
  if (node <= place_) return;
  GraphRunner runner = segment(place_, node);
  const std::vector<ValueId> needed = needed_from(node);
  std::vector<ValueId> wanted;
  for (const ValueId id : needed)
    if (made_[id] > place_) wanted.push_back(id);
  std::size_t total = 0;
  for (std::size_t batch = 0; batch < batches(); ++batch) {
    for (Network& network : networks_) {
      Values& values = network.batches[batch];
      const std::vector<TorchTensor> results =
          runner.run(joined(network.parameters, values), wanted);
      Values kept;
      for (const ValueId id : needed)
        if (made_[id] <= place_) kept.emplace(id, values.at(id));
      for (std::size_t i = 0; i < wanted.size(); ++i) kept.emplace(wanted[i], results[i]);
      values = std::move(kept);
      total += bytes_of(values);
    }
    if (total > memory_) keep_batches(batch + 1);
  }
  place_ = node;
}

const TorchTensor& Walk::value(std::size_t network, std::size_t batch, ValueId id) const {
  const Values& values = networks_[network].batches[batch];
  const auto found = values.find(id);
  if (found == values.end())
    throw Error("value " + quote_name(graph_.values[id].name) + " is not there", graph_.source);
  return found->second;
}

std::vector<TorchTensor> Walk::Ahead::run(std::size_t network, std::size_t batch,
                                          const std::vector<ValueId>& wanted) {
  const Network& running = walk_.networks_[network];
  return runner_.run(joined(running.parameters, running.batches[batch]), wanted);
}

const TorchTensor& Walk::parameter(std::size_t network, ValueId id) const {
  return networks_[network].parameters.at(id);
}

void Walk::set_parameter(std::size_t network, ValueId id, TorchTensor value) {
  networks_[network].parameters.insert_or_assign(id, std::move(value));
}

}  // namespace mgit
