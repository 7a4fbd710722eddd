// A model's history as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "lineage/model_history.h"

namespace mgit {

/// A tree, newest first, in the manner of git log --graph.
std::string history_text(Database& database, const std::vector<ModelNode>& nodes,
                         const std::string& path, bool colour);
Json history_json(Database& database, const std::vector<ModelNode>& nodes, const std::string& path);

}  // namespace mgit
