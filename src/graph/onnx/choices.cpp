#include "graph/onnx/choices.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kMostReadings = 32;

}  // namespace

std::optional<bool> Choices::next(const Node& node) {
  if (known_) {
    const auto found = possible_.find(&node);
    if (found == possible_.end() || found->second.size() != 1) return std::nullopt;
    return *found->second.begin();
  }
  for (const Choice& each : way_)
    if (each.node == &node) return each.first;
  const bool first = way_.size() < plan_.size() ? plan_[way_.size()] : true;
  way_.push_back({&node, first});
  return first;
}

bool Choices::go_on(bool possible) {
  if (possible)
    for (const auto* list : {&way_, &seen_})
      for (const Choice& each : *list) possible_[each.node].insert(each.first);
  seen_.clear();
  plan_.clear();
  for (const Choice& each : way_) plan_.push_back(each.first);
  way_.clear();
  while (!plan_.empty() && !plan_.back()) plan_.pop_back();
  if (plan_.empty()) {
    known_ = true;
    return false;
  }
  plan_.back() = false;
  if (++readings_ < kMostReadings) return true;
  give_up();
  return false;
}

void Choices::give_up() {
  possible_.clear();
  known_ = true;
}

const GraphProto* branch_of(const Node& node, std::string_view name) {
  const auto found = node.attributes.find(name);
  const bool one = found != node.attributes.end() && found->second.graphs.size() == 1;
  return one && found->second.graphs.front()->inputs.empty() &&
                 found->second.graphs.front()->outputs.size() == node.outputs.size()
             ? found->second.graphs.front().get()
             : nullptr;
}

std::size_t count_nodes(const GraphProto& graph) {
  std::size_t count = graph.nodes.size();
  for (const Node& node : graph.nodes)
    for (const auto& [name, attribute] : node.attributes)
      for (const auto& inner : attribute.graphs) count += count_nodes(*inner);
  return count;
}

}  // namespace mgit::onnx
