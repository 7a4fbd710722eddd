// A throwaway git repository, opened with its store.
#pragma once

#include "mgit/workspace.h"
#include "unit/git/sandbox.h"

namespace mgit::testing {

class WorkspaceSandbox : public GitSandbox {
 public:
  Workspace open() const { return Workspace::discover(path()); }
};

}  // namespace mgit::testing
