// Manifests that stand in the working tree in place of their checkpoints: a clone made without
// mgit, or objects that were not there at checkout.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

struct LeftManifests {
  std::vector<std::string> restored;  // now checkpoints
  std::vector<std::string> missing;   // objects are nowhere
  std::vector<std::string> foreign;   // no .gitattributes gives them to mgit
  std::vector<std::string> failures;  // why something could not be fetched
};

/// Replaces every file that mgit tracks and that still is exactly the manifest of the index by its
/// checkpoint, and refreshes the index. In a lazy clone those whose objects are here already.
LeftManifests restore_left_manifests(const Workspace& repository);

/// Files of the index that .gitattributes gives to mgit.
std::vector<std::string> files_of_mgit(const Repository& repository);

/// Those of them that stand in the working tree as manifests.
std::vector<std::string> left_manifests(const Repository& repository);

/// Of these paths alone, which git has.
LeftManifests restore_left_manifests(const Workspace& repository,
                                     const std::vector<std::string>& paths);

}  // namespace mgit
