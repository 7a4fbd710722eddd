// What the names of an ONNX file stand for while it is read.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graph/onnx/builder.h"
#include "graph/onnx/proto.h"

namespace mgit::onnx {

/// Graphs inside nodes see the names around them, and theirs are gone when they are left. What the
/// file says of a value's shape is known from the beginning of its graph. Borrows the graphs.
class Names {
 public:
  void enter(const GraphProto& graph);
  void leave();

  /// Throws CorruptError for a name that is there already.
  void define(const std::string& name, Value value);
  /// Throws CorruptError for a name that is not defined yet.
  const Value& use(const std::string& name) const;
  bool contains(const std::string& name) const { return values_.contains(name); }
  /// nullptr: the file does not say.
  const ValueInfo* described(const std::string& name) const;

  /// Sets a length that is open, wherever it stands, in the graph too.
  void settle(const Size& open, const Size& known, Builder& build);

  struct Mark {
    std::size_t scopes;
    std::size_t changed;
  };
  Mark mark() const { return {scopes_.size(), changed_.size()}; }
  /// Leaves what was entered since then, and opens lengths that were settled.
  void go_back(const Mark& mark, Builder& build);

 private:
  struct Scope {
    std::vector<std::string> values;
    std::vector<std::string> described;
  };
  std::unordered_map<std::string, Value> values_;
  std::unordered_map<std::string, const ValueInfo*> described_;
  std::vector<Scope> scopes_;
  std::vector<std::pair<std::string, Value>> changed_;  // values before a length was settled
};

/// Names that graphs inside a node use, at any depth.
void collect_names(const Node& node, std::vector<std::string>& names);

}  // namespace mgit::onnx
