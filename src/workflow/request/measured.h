// How good a branch's model is beside the base's, as Markdown: measured now, or as recorded.
#pragma once

#include <functional>
#include <string>

#include "mgit/lineage.h"
#include "mgit/workspace.h"

namespace mgit {

struct MeasuredModel {
  std::string path;
  Oid base;
  Oid head;
  std::string base_name;
  std::string head_name;
  bool in_base = true;  // the base has the model, too
  bool measure = true;  // else only what is recorded
  int points = 25;
  std::function<void(std::uint64_t more, std::uint64_t total)> progress;
};

/// Two sections: the barrier between the two, before and after a rebase, and their evaluation.
/// Where nothing can run they say what it would need, and what the lineage has recorded.
std::string measured(Workspace& repository, const Lineage& lineage, const MeasuredModel& model);

}  // namespace mgit
