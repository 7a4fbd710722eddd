#include "mgit/graph.h"

namespace mgit {

const Argument* GraphNode::find(std::string_view name) const {
  for (const auto& [key, argument] : arguments)
    if (key == name) return &argument;
  return nullptr;
}

}  // namespace mgit
