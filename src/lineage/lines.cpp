#include "lineage/lines.h"

#include <algorithm>
#include <optional>

namespace mgit {
namespace {

/// Nodes one after another, each trained on from the one before; it begins where the history does,
/// or off another line.
struct Line {
  std::map<Digest, std::vector<std::size_t>> places;  // by weights, ascending
  std::vector<const ModelNode*> nodes;
  std::optional<std::size_t> parent;  // the line that it leaves
  std::size_t leaves_at = 0;          // after so many of its nodes
};

/// Sorts the nodes of a history, which outlive it, into lines of training. For one run; afterwards
/// the nodes know what they came back to.
class Lines {
 public:
  explicit Lines(std::vector<ModelNode>& nodes) {
    for (ModelNode& node : nodes) nodes_.emplace(node.commit, &node);
  }

  void run() {
    for (ModelNode* node : oldest_first()) {
      const std::size_t line = place(*node);
      if (node->combines || node->rebase || node->from.size() != 1) continue;
      if (const ModelNode* earlier = find(line, lines_[line].nodes.size() - 1, node->manifest))
        node->back_to = earlier->commit;
    }
  }

 private:
  /// Every node after those it came from; nodes in a circle of records are left out.
  std::vector<ModelNode*> oldest_first() const {
    std::map<Oid, std::size_t> waits_for;
    std::map<Oid, std::vector<ModelNode*>> before;
    std::vector<ModelNode*> ready;
    for (const auto& [commit, node] : nodes_) {
      std::size_t known = 0;
      for (const Oid& from : node->from) {
        if (!nodes_.contains(from)) continue;
        before[from].push_back(node);
        ++known;
      }
      waits_for[commit] = known;
      if (known == 0) ready.push_back(node);
    }
    for (std::size_t i = 0; i < ready.size(); ++i)
      for (ModelNode* next : before[ready[i]->commit])
        if (--waits_for[next->commit] == 0) ready.push_back(next);
    return ready;
  }

  /// Puts the node at the end of the line that it continues, or of a new one.
  std::size_t place(const ModelNode& node) {
    const auto from = node.from.empty() ? line_of_.end() : line_of_.find(node.from.front());
    std::size_t line = lines_.size();
    if (from != line_of_.end() && lines_[from->second.first].nodes.size() == from->second.second) {
      line = from->second.first;
    } else {
      lines_.emplace_back();
      if (from != line_of_.end()) {
        lines_.back().parent = from->second.first;
        lines_.back().leaves_at = from->second.second;
      }
    }
    lines_[line].places[node.manifest].push_back(lines_[line].nodes.size());
    lines_[line].nodes.push_back(&node);
    line_of_[node.commit] = {line, lines_[line].nodes.size()};
    return line;
  }

  /// The last node with these weights among the first `count` of a line, or where it came from.
  const ModelNode* find(std::size_t line, std::size_t count, const Digest& weights) const {
    for (std::optional<std::size_t> at = line; at;) {
      const Line& here = lines_[*at];
      const auto found = here.places.find(weights);
      if (found != here.places.end()) {
        const auto& places = found->second;
        const auto after = std::lower_bound(places.begin(), places.end(), count);
        if (after != places.begin()) return here.nodes[*std::prev(after)];
      }
      count = here.leaves_at;
      at = here.parent;
    }
    return nullptr;
  }

  std::map<Oid, ModelNode*> nodes_;
  std::vector<Line> lines_;
  std::map<Oid, std::pair<std::size_t, std::size_t>> line_of_;  // the line, the nodes up to it
};

}  // namespace

void find_returns(std::vector<ModelNode>& nodes) { Lines(nodes).run(); }

}  // namespace mgit
