#include "graph/onnx/movement.h"

#include <algorithm>
#include <utility>

namespace mgit::onnx {
namespace {

constexpr int kDeepest = 16;

/// How often an axis's positions stand in the whole, and how far they are apart.
struct Around {
  std::size_t outer = 1;
  std::size_t inner = 1;
};

Around around(const Shape& shape, std::size_t axis) {
  Around result;
  for (std::size_t i = 0; i < shape.size(); ++i)
    (i < axis ? result.outer : result.inner) *= i == axis ? 1 : shape[i];
  return result;
}

std::optional<Numbers> sliced(const Numbers& from, std::size_t axis, std::int64_t begin,
                              std::int64_t end) {
  const auto length = static_cast<std::int64_t>(from.shape.at(axis));
  end = std::min(end, length);
  if (begin < 0 || end < begin) return std::nullopt;
  const auto [outer, inner] = around(from.shape, axis);
  Numbers result{from.shape, {}};
  result.shape[axis] = static_cast<std::uint64_t>(end - begin);
  for (std::size_t i = 0; i < outer; ++i) {
    const auto first = from.values.begin() +
                       static_cast<std::ptrdiff_t>(i * inner) * static_cast<std::ptrdiff_t>(length);
    result.values.insert(result.values.end(), first + begin * static_cast<std::ptrdiff_t>(inner),
                         first + end * static_cast<std::ptrdiff_t>(inner));
  }
  return result;
}

std::optional<Numbers> joined(const std::vector<Numbers>& parts, std::size_t axis) {
  if (parts.empty() || axis >= parts[0].shape.size()) return std::nullopt;
  Numbers result{parts[0].shape, {}};
  result.shape[axis] = 0;
  for (const Numbers& part : parts) {
    Shape other = part.shape;
    if (other.size() != result.shape.size()) return std::nullopt;
    const std::uint64_t length = std::exchange(other[axis], result.shape[axis]);
    if (other != result.shape) return std::nullopt;
    result.shape[axis] += length;
  }
  const auto [outer, inner] = around(result.shape, axis);
  for (std::size_t i = 0; i < outer; ++i)
    for (const Numbers& part : parts) {
      const std::size_t block = part.shape[axis] * inner;
      const auto first = part.values.begin() + static_cast<std::ptrdiff_t>(i * block);
      result.values.insert(result.values.end(), first, first + static_cast<std::ptrdiff_t>(block));
    }
  return result;
}

std::int64_t number(const GraphNode& node, std::string_view name, std::int64_t standard) {
  const Argument* argument = node.find(name);
  const auto* found = argument == nullptr ? nullptr : std::get_if<std::int64_t>(argument);
  return found == nullptr ? standard : *found;
}

}  // namespace

Numbers transposed(const Numbers& matrix) {
  const std::size_t rows = matrix.shape.at(0);
  const std::size_t columns = matrix.shape.at(1);
  Numbers result{{columns, rows}, std::vector<float>(matrix.values.size())};
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      result.values[j * rows + i] = matrix.values[i * columns + j];
  return result;
}

bool expands(const Numbers& from, const Numbers& to) {
  const std::size_t added = to.shape.size() - from.shape.size();
  if (from.shape.size() > to.shape.size()) return false;
  std::vector<std::size_t> steps(to.shape.size());
  std::size_t step = 1;
  for (std::size_t i = to.shape.size(); i-- > added;) {
    const std::uint64_t own = from.shape[i - added];
    if (own != 1 && own != to.shape[i]) return false;
    steps[i] = own == 1 ? 0 : step;
    step *= own;
  }
  for (std::size_t at = 0; at < to.values.size(); ++at) {
    std::size_t place = 0;
    std::size_t rest = at;
    for (std::size_t i = to.shape.size(); i-- > 0; rest /= to.shape[i])
      place += rest % to.shape[i] * steps[i];
    if (from.values[place] != to.values[at]) return false;
  }
  return true;
}

std::optional<std::vector<std::uint64_t>> rows_of(const Numbers& matrix, const Numbers& rows) {
  const std::size_t width = matrix.shape.at(1);
  const auto row = [&](const Numbers& of, std::size_t i) {
    const auto bytes = std::as_bytes(std::span(of.values).subspan(i * width, width));
    return std::string(as_text(bytes));
  };
  const std::size_t count = rows.values.size() / width;
  std::map<std::string, std::optional<std::uint64_t>> places;
  for (std::size_t i = 0; i < count; ++i) places.emplace(row(rows, i), std::nullopt);
  for (std::size_t i = 0; i < matrix.shape[0]; ++i) {
    const auto found = places.find(row(matrix, i));
    if (found == places.end()) continue;
    if (found->second) return std::nullopt;
    found->second = i;
  }
  std::vector<std::uint64_t> result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = places.at(row(rows, i));
    if (!place) return std::nullopt;
    result.push_back(*place);
  }
  return result;
}

Movement::Movement(const Graph& graph, std::map<ValueId, Numbers> known)
    : graph_(graph), known_(std::move(known)) {
  for (const GraphNode& node : graph.nodes)
    for (const ValueId output : node.outputs) makers_[output] = &node;
}

std::optional<Numbers> Movement::evaluate(ValueId value, int depth) {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  const auto maker = makers_.find(value);
  if (maker == makers_.end() || depth > kDeepest) return std::nullopt;
  return compute(*maker->second, value, depth);
}

std::optional<Numbers> Movement::compute(const GraphNode& node, ValueId value, int depth) {
  const std::size_t rank = graph_.values[value].shape.size();
  if (node.op == "aten.cat") {
    const Argument* tensors = node.find("tensors");
    const auto* list =
        tensors ? std::get_if<std::vector<std::optional<ValueId>>>(tensors) : nullptr;
    std::vector<Numbers> parts;
    if (list == nullptr) return std::nullopt;
    for (const auto& each : *list) {
      auto part = each ? evaluate(*each, depth + 1) : std::nullopt;
      if (!part) return std::nullopt;
      parts.push_back(*std::move(part));
    }
    const std::int64_t dim = number(node, "dim", 0);
    return joined(parts, static_cast<std::size_t>(dim < 0 ? dim + std::int64_t(rank) : dim));
  }
  const Argument* self = node.find("self");
  const auto* from = self == nullptr ? nullptr : std::get_if<ValueId>(self);
  if (from == nullptr || (node.op != "aten.slice" && node.op != "aten.select" &&
                          node.op != "aten.unsqueeze" && node.op != "aten.t"))
    return std::nullopt;
  auto numbers = evaluate(*from, depth + 1);
  if (!numbers) return std::nullopt;
  if (node.op == "aten.t")
    return numbers->shape.size() == 2 ? std::optional(transposed(*numbers)) : std::nullopt;
  const std::int64_t dim = number(node, "dim", 0);
  const std::size_t most = numbers->shape.size() + (node.op == "aten.unsqueeze" ? 1 : 0);
  if (dim < 0 || dim >= static_cast<std::int64_t>(most)) return std::nullopt;
  const auto axis = static_cast<std::size_t>(dim);
  const auto at = static_cast<std::ptrdiff_t>(axis);
  if (node.op == "aten.unsqueeze") {
    numbers->shape.insert(numbers->shape.begin() + at, 1);
    return numbers;
  }
  if (node.op == "aten.select") {
    const std::int64_t index = number(node, "index", 0);
    auto one = sliced(*numbers, axis, index, index + 1);
    if (one) one->shape.erase(one->shape.begin() + at);
    return one;
  }
  if (number(node, "step", 1) != 1) return std::nullopt;
  return sliced(*numbers, axis, number(node, "start", 0),
                number(node, "end", std::int64_t(numbers->shape[axis])));
}

}  // namespace mgit::onnx
