// The arguments of an operator, as rules ask for them.
#include "graph/derive_interpreter.h"

namespace mgit::derivation {

std::optional<ValueId> Call::value(std::string_view name) const {
  const Argument* argument = node.find(name);
  const auto* value = argument == nullptr ? nullptr : std::get_if<ValueId>(argument);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<ValueId> Call::value(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names)
    if (const auto found = value(name)) return found;
  return std::nullopt;
}

std::vector<std::optional<ValueId>> Call::mixed(std::string_view name) const {
  const Argument* argument = node.find(name);
  const auto* list =
      argument == nullptr ? nullptr : std::get_if<std::vector<std::optional<ValueId>>>(argument);
  return list == nullptr ? std::vector<std::optional<ValueId>>() : *list;
}

std::vector<ValueId> Call::values(std::string_view name) const {
  std::vector<ValueId> list;
  if (const Argument* argument = node.find(name))
    if (const auto* all = std::get_if<std::vector<std::optional<ValueId>>>(argument))
      for (const auto& one : *all)
        if (one) list.push_back(*one);
  return list;
}

bool Call::given(std::string_view name) const {
  const Argument* argument = node.find(name);
  return argument != nullptr && !std::holds_alternative<std::monostate>(*argument);
}

std::optional<std::int64_t> Call::number(std::string_view name, std::int64_t standard) const {
  const Argument* argument = node.find(name);
  if (argument == nullptr || std::holds_alternative<std::monostate>(*argument)) return standard;
  if (const auto* number = std::get_if<std::int64_t>(argument)) return *number;
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(argument);
      list && list->size() == 1)
    return list->front();
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> Call::numbers(std::string_view name) const {
  const Argument* argument = node.find(name);
  if (argument == nullptr || std::holds_alternative<std::monostate>(*argument))
    return std::vector<std::int64_t>();
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(argument)) return *list;
  if (const auto* number = std::get_if<std::int64_t>(argument))
    return std::vector<std::int64_t>{*number};
  return std::nullopt;
}

bool Call::flag(std::string_view name, bool standard) const {
  const Argument* argument = node.find(name);
  const auto* flag = argument == nullptr ? nullptr : std::get_if<bool>(argument);
  return flag == nullptr ? standard : *flag;
}

std::string Call::text(std::string_view name) const {
  const Argument* argument = node.find(name);
  const auto* text = argument == nullptr ? nullptr : std::get_if<std::string>(argument);
  return text == nullptr ? std::string() : *text;
}

std::vector<ValueId> Call::tensors() const {
  std::vector<ValueId> all;
  for_each_value(node, [&](ValueId value) { all.push_back(value); });
  return all;
}

std::optional<std::size_t> Call::axis(std::optional<std::int64_t> dim, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (!dim || *dim < -count || *dim >= count) return std::nullopt;
  return static_cast<std::size_t>(*dim < 0 ? *dim + count : *dim);
}

std::optional<std::vector<std::size_t>> Call::axes(std::string_view name, std::size_t rank) const {
  const auto dims = numbers(name);
  if (!dims) return std::nullopt;
  std::set<std::size_t> all;
  for (const std::int64_t dim : *dims) {
    const auto found = axis(dim, rank);
    if (!found) return std::nullopt;
    all.insert(*found);
  }
  if (dims->empty())
    for (std::size_t i = 0; i < rank; ++i) all.insert(i);
  return std::vector<std::size_t>(all.begin(), all.end());
}

}  // namespace mgit::derivation
