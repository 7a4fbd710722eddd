// mgit repair: a merged model, fitted to data, as a commit of its own.
#pragma once

#include <string>
#include <vector>

#include "workflow/repair_model.h"

namespace mgit {

struct RepairResult {
  std::string path;
  std::string branch;  // without refs/heads/
  Oid commit;
  std::string subject;
  bool merged = false;  // a merge made the model, and its parents were there to fit to
  RepairedModel repaired;
  std::vector<std::string> notes;
};

/// `revision`: REV or REV:PATH, whose model HEAD has, too; empty: HEAD. `model_name`: a name in
/// .mgitconfig, for a commit with several models. Objects first, then the commit, index and working
/// tree, the branch last. Throws Error before anything is written.
RepairResult repair(Workspace& repository, const std::string& revision,
                    const std::string& model_name, const RepairOptions& options);

/// What merging just made and data could repair: a line for each model of HEAD.
std::vector<std::string> offered_repairs(const Repository& repository);

}  // namespace mgit
