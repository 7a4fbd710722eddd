#include "graph/onnx/tidy.h"

#include <algorithm>
#include <limits>
#include <map>

namespace mgit::onnx {
namespace {

constexpr std::size_t kNoAxis = std::numeric_limits<std::size_t>::max();

/// A part of a value: positions begin .. end along an axis that a Cut has.
struct Piece {
  ValueId base = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// A value that consists of pieces, one after another.
struct Cut {
  std::size_t axis = 0;
  std::vector<Piece> pieces;
};

class Tidier {
 public:
  explicit Tidier(Graph graph) : graph_(std::move(graph)), same_(graph_.values.size()) {
    for (ValueId id = 0; id < same_.size(); ++id) same_[id] = id;
  }

  Graph run() {
    for (GraphNode& node : graph_.nodes) {
      for (auto& [name, argument] : node.arguments) replace(argument);
      look_at(node);
    }
    for (ValueId& output : graph_.outputs) output = same_[output];
    drop_unread();
    return std::move(graph_);
  }

 private:
  void replace(Argument& argument) const {
    if (auto* value = std::get_if<ValueId>(&argument)) *value = same_[*value];
    if (auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (auto& each : *list)
        if (each) each = same_[*each];
  }

  static std::optional<std::int64_t> number(const GraphNode& node, std::string_view name,
                                            std::int64_t standard) {
    const Argument* argument = node.find(name);
    if (argument == nullptr) return standard;
    const auto* found = std::get_if<std::int64_t>(argument);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  std::optional<ValueId> self(const GraphNode& node) const {
    const Argument* argument = node.find("self");
    const auto* found = argument == nullptr ? nullptr : std::get_if<ValueId>(argument);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  std::optional<std::int64_t> length(ValueId value, std::size_t axis) const {
    const auto& shape = graph_.values[value].shape;
    if (axis >= shape.size() || !shape[axis]) return std::nullopt;
    return static_cast<std::int64_t>(*shape[axis]);
  }

  std::optional<std::size_t> axis_of(const GraphNode& node, ValueId value) const {
    const auto dim = number(node, "dim", 0);
    const auto rank = static_cast<std::int64_t>(graph_.values[value].shape.size());
    if (!dim || *dim < -rank || *dim >= rank) return std::nullopt;
    return static_cast<std::size_t>(*dim < 0 ? *dim + rank : *dim);
  }

  /// What a value consists of along an axis; itself, if nothing else is known.
  std::vector<Piece> pieces(ValueId value, std::size_t axis) const {
    const auto found = cuts_.find(value);
    if (found != cuts_.end() && found->second.axis == axis) return found->second.pieces;
    return {{value, 0, length(value, axis).value_or(0)}};
  }

  void look_at(GraphNode& node) {
    if (node.op == "aten.slice") slice(node);
    if (node.op == "aten.split_with_sizes") split(node);
    if (node.op == "aten.cat") join(node);
    if (node.op == "aten.select") select(node);
    const auto from = self(node);
    if (node.op == "aten.unsqueeze" && from) lifted_[node.outputs.front()] = {*from, node};
  }

  void slice(GraphNode& node) {
    const auto from = self(node);
    if (!from || number(node, "step", 1) != 1) return;
    const auto axis = axis_of(node, *from);
    const auto size = axis ? length(*from, *axis) : std::nullopt;
    const auto begin = number(node, "start", 0);
    const auto end = number(node, "end", std::numeric_limits<std::int64_t>::max());
    if (!size || !begin || !end || *begin < 0 || *begin > *size || *end < *begin) return;
    Cut cut{*axis, part(pieces(*from, *axis), *begin, std::min(*end, *size))};
    if (cut.pieces.size() == 1 && !is_whole(cut) && cut.pieces.front().base != *from)
      for (auto& [name, argument] : node.arguments) {
        if (name == "self") argument = cut.pieces.front().base;
        if (name == "start") argument = cut.pieces.front().begin;
        if (name == "end") argument = cut.pieces.front().end;
      }
    settle(node.outputs.front(), std::move(cut));
  }

  void split(const GraphNode& node) {
    const auto from = self(node);
    const auto axis = from ? axis_of(node, *from) : std::nullopt;
    if (!axis || !length(*from, *axis)) return;
    const std::vector<Piece> all = pieces(*from, *axis);
    std::int64_t at = 0;
    for (const ValueId output : node.outputs) {
      const auto size = length(output, *axis);
      if (!size) return;
      settle(output, {*axis, part(all, at, at + *size)});
      at += *size;
    }
  }

  void join(const GraphNode& node) {
    const Argument* tensors = node.find("tensors");
    const auto* list =
        tensors ? std::get_if<std::vector<std::optional<ValueId>>>(tensors) : nullptr;
    const ValueId output = node.outputs.front();
    const auto axis = axis_of(node, output);
    if (list == nullptr || !axis) return;
    Cut cut{*axis, {}};
    for (const auto& each : *list) {
      if (!each || !length(*each, *axis)) return;
      for (const Piece& piece : pieces(*each, *axis)) append(cut.pieces, piece);
    }
    settle(output, std::move(cut));
  }

  /// Of one place along an axis that was made for it.
  void select(const GraphNode& node) {
    const auto from = self(node);
    if (!from) return;
    const auto found = axis_of(node, *from);
    const std::size_t axis = found.value_or(kNoAxis);
    const std::int64_t index = number(node, "index", 0).value_or(-1);
    if (axis == kNoAxis || index < 0) return;
    const std::vector<Piece> chosen = part(pieces(*from, axis), index, index + 1);
    if (chosen.size() != 1 || chosen.front().begin != 0) return;
    const auto lifted = lifted_.find(chosen.front().base);
    if (lifted == lifted_.end()) return;
    const auto made = axis_of(lifted->second.second, chosen.front().base);
    if (made.value_or(kNoAxis) == axis) same_[node.outputs.front()] = lifted->second.first;
  }

  static void append(std::vector<Piece>& pieces, const Piece& piece) {
    if (piece.begin == piece.end) return;
    if (!pieces.empty() && pieces.back().base == piece.base && pieces.back().end == piece.begin)
      pieces.back().end = piece.end;
    else
      pieces.push_back(piece);
  }

  static std::vector<Piece> part(const std::vector<Piece>& all, std::int64_t begin,
                                 std::int64_t end) {
    std::vector<Piece> result;
    std::int64_t at = 0;
    for (const Piece& piece : all) {
      const std::int64_t size = piece.end - piece.begin;
      const std::int64_t from = std::max(begin, at);
      const std::int64_t to = std::min(end, at + size);
      if (from < to) append(result, {piece.base, piece.begin + from - at, piece.begin + to - at});
      at += size;
    }
    return result;
  }

  bool is_whole(const Cut& cut) const {
    return cut.pieces.size() == 1 && cut.pieces.front().begin == 0 &&
           length(cut.pieces.front().base, cut.axis) == cut.pieces.front().end;
  }

  void settle(ValueId value, Cut cut) {
    constexpr std::size_t kMostPieces = 256;
    if (is_whole(cut) &&
        graph_.values[cut.pieces.front().base].shape.size() == graph_.values[value].shape.size())
      same_[value] = cut.pieces.front().base;
    else if (!cut.pieces.empty() && cut.pieces.size() <= kMostPieces)
      cuts_.emplace(value, std::move(cut));
  }

  void drop_unread() {
    std::vector<bool> read(graph_.values.size());
    for (const ValueId output : graph_.outputs) read[output] = true;
    std::vector<GraphNode> kept;
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      if (std::none_of(node->outputs.begin(), node->outputs.end(),
                       [&](ValueId id) { return read[id]; }))
        continue;
      for (const auto& [name, argument] : node->arguments) {
        if (const auto* value = std::get_if<ValueId>(&argument)) read[*value] = true;
        if (const auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
          for (const auto& each : *list)
            if (each) read[*each] = true;
      }
      kept.push_back(std::move(*node));
    }
    std::reverse(kept.begin(), kept.end());
    graph_.nodes = std::move(kept);
    std::erase_if(graph_.constants, [&](const auto& entry) {
      return !read[entry.first] && !is_arithmetic(entry.second.info.dtype);
    });
  }

  Graph graph_;
  std::vector<ValueId> same_;  // what a value is another name of
  std::map<ValueId, Cut> cuts_;
  std::map<ValueId, std::pair<ValueId, GraphNode>> lifted_;  // by unsqueeze
};

}  // namespace

Graph tidied(Graph graph) { return Tidier(std::move(graph)).run(); }

}  // namespace mgit::onnx
