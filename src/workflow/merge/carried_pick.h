// A pick onto a branch that was rebased meanwhile: git rebase and cherry-pick apply what was
// trained in the old basin, and it has to be carried into the new one first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// Trees of a pick's base and of what is picked, with models in the basin of ours.
struct CarriedPick {
  Oid base;
  Oid theirs;
  std::vector<std::string> models;  // what was carried, by path
};

/// nullopt where no model of ours is a recorded rebase of what the base's history holds. Writes
/// objects and trees, and moves nothing. Throws MissingError if objects are nowhere.
std::optional<CarriedPick> carry_pick(Workspace& repository, const Oid& base, const Oid& ours,
                                      const Oid& theirs);

}  // namespace mgit
