#include "worktree/lazy.h"

#include <fmt/format.h>

#include <cstdio>

namespace mgit {

bool is_lazy(const Repository& repository) {
  return repository.config("mgit.lazy").value_or("false") == "true";
}

bool ready_to_place(const Workspace& repository, const Manifest& manifest,
                    const std::string& path) {
  if (missing_objects(repository.store(), manifest).empty()) return true;
  if (is_lazy(repository)) {
    fmt::print(stderr,
               "note: {0}: left as a manifest, in this lazy clone; 'mgit restore {0}' brings it\n",
               path);
    return false;
  }
  try {
    repository.need(manifest, path);
    return true;
  } catch (const MissingError&) {
    fmt::print(stderr,
               "warning: {0}: tensor objects are not here; left as a manifest; "
               "run 'mgit fetch' to get them\n",
               path);
    return false;
  }
}

}  // namespace mgit
