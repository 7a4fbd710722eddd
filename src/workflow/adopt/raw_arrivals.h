// Checkpoints that a commit holds whole, in place of their manifests: from somebody without mgit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct RawArrival {
  std::string path;
  TreeFile file;
  std::uint64_t size = 0;
};

struct RawArrivals {
  std::vector<RawArrival> files;          // sorted by path
  std::vector<std::string> lfs_pointers;  // what git-lfs was to replace: no checkpoints
};

/// Files of `commit` that its own .gitattributes give to mgit and whose content git has as it is;
/// with `since`, only those that are others there. Empty files stand for themselves. Costs two
/// processes where a file differs, three where one is mgit's.
RawArrivals raw_arrivals(const Repository& repository, const Oid& commit,
                         const std::optional<Oid>& since);

}  // namespace mgit
