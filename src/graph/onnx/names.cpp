#include "graph/onnx/names.h"

#include <algorithm>

#include "mgit/format.h"

namespace mgit::onnx {
namespace {

bool stands_in(const Size& open, const Value& value) {
  const auto has = [&](const std::optional<Sizes>& sizes) {
    return sizes && std::find(sizes->begin(), sizes->end(), open) != sizes->end();
  };
  return has(value.shape) || has(value.numbers) ||
         std::any_of(value.sequence.begin(), value.sequence.end(),
                     [&](const Value& member) { return stands_in(open, member); });
}

void replace(Value& value, const Size& open, const Size& known) {
  for (auto* sizes : {&value.shape, &value.numbers})
    if (*sizes) std::replace((*sizes)->begin(), (*sizes)->end(), open, known);
  for (Value& member : value.sequence) replace(member, open, known);
}

void describe(const Value& value, Builder& build) {
  if (value.id && value.shape) build.describe(*value.id, *value.shape);
  for (const Value& member : value.sequence) describe(member, build);
}

}  // namespace

void Names::enter(const GraphProto& graph) {
  Scope& scope = scopes_.emplace_back();
  for (const auto* list : {&graph.values, &graph.outputs})
    for (const ValueInfo& info : *list)
      if (info.is_tensor && described_.emplace(info.name, &info).second)
        scope.described.push_back(info.name);
}

void Names::leave() {
  for (const std::string& name : scopes_.back().values) values_.erase(name);
  for (const std::string& name : scopes_.back().described) described_.erase(name);
  scopes_.pop_back();
}

void Names::define(const std::string& name, Value value) {
  if (!values_.emplace(name, std::move(value)).second)
    throw CorruptError(quote_name(name) + " is defined twice");
  scopes_.back().values.push_back(name);
}

const Value& Names::use(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw CorruptError(quote_name(name) + " is used before it is defined");
  return found->second;
}

const ValueInfo* Names::described(const std::string& name) const {
  const auto found = described_.find(name);
  return found == described_.end() ? nullptr : found->second;
}

void Names::settle(const Size& open, const Size& known, Builder& build) {
  for (auto& [name, value] : values_) {
    if (!stands_in(open, value)) continue;
    changed_.emplace_back(name, value);
    replace(value, open, known);
    describe(value, build);
  }
}

void Names::go_back(const Mark& mark, Builder& build) {
  while (scopes_.size() > mark.scopes) leave();
  for (; changed_.size() > mark.changed; changed_.pop_back()) {
    const auto found = values_.find(changed_.back().first);
    if (found == values_.end()) continue;
    found->second = std::move(changed_.back().second);
    describe(found->second, build);
  }
}

void collect_names(const Node& node, std::vector<std::string>& names) {
  for (const auto& [name, attribute] : node.attributes)
    for (const auto& graph : attribute.graphs) {
      for (const Node& inner : graph->nodes) {
        names.insert(names.end(), inner.inputs.begin(), inner.inputs.end());
        collect_names(inner, names);
      }
      for (const ValueInfo& output : graph->outputs) names.push_back(output.name);
    }
}

}  // namespace mgit::onnx
