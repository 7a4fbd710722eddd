// A model's history as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lineage/model_history.h"

namespace mgit {

/// A tree, newest first, in the manner of git log --graph.
std::string history_text(Database& database, const std::vector<ModelNode>& nodes,
                         const std::string& path, bool colour);
nlohmann::ordered_json history_json(Database& database, const std::vector<ModelNode>& nodes,
                                    const std::string& path);

}  // namespace mgit
