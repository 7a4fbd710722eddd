// Which branch of an If is read, where the file does not say what its condition is.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "graph/onnx/proto.h"

namespace mgit::onnx {

/// A file is read once for each way through its Ifs. On some, lengths contradict each other: the
/// network cannot run so, and the way is never taken. A branch that is on all that are left is the
/// one that is taken; an If that is left with both of them stays an operator of unknown meaning.
class Choices {
 public:
  /// nullopt: it is to be kept.
  std::optional<bool> next(const Node& node);
  /// How many were made in this reading.
  std::size_t made() const { return way_.size(); }
  /// In this reading it is known which branch is taken.
  void saw(const Node& node, bool first) { seen_.push_back({&node, first}); }

  /// Ends a reading, `possible` unless lengths contradicted each other. False: all ways were
  /// tried, or too many; from now on next() knows.
  bool go_on(bool possible);
  /// From now on next() keeps all.
  void give_up();

 private:
  struct Choice {
    const Node* node;
    bool first;
  };
  bool known_ = false;
  std::size_t readings_ = 0;
  std::vector<bool> plan_;   // the choices to begin with
  std::vector<Choice> way_;  // those of this reading
  std::vector<Choice> seen_;
  std::map<const Node*, std::set<bool>> possible_;
};

/// The branch of an If, or nullptr if the node has none of that name with its outputs.
const GraphProto* branch_of(const Node& node, std::string_view name);

/// With those of graphs in nodes.
std::size_t count_nodes(const GraphProto& graph);

}  // namespace mgit::onnx
