// Indexes of packs, in a ref of the git repository that ordinary pushes carry.
//
// refs/mgit/packs is a commit for each publication, on top of the one before. Its tree has a file
// ID.idx for each (pack_index.h), and for each pack NAME.pack, its Git LFS pointer, so that hosts
// know that it is referred to. Where a host takes no refs but branches, it is the branch
// mgit-packs.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"
#include "remote/pack_index.h"

namespace mgit {

class PackRef {
 public:
  /// The repository must outlive it.
  PackRef(const Repository& repository, std::string url);

  /// Is there any in the repository behind the URL? Throws Error where that cannot be asked.
  bool exists();
  /// Everything that was published; empty if nothing was.
  std::vector<ListedPack> read();
  /// Adds an index of these packs. Others may publish at the same time.
  void publish(const std::vector<ListedPack>& packs);

 private:
  void look();
  void fetch();
  std::string git(std::vector<std::string> arguments) const;

  const Repository& repository_;
  const std::string url_;
  const std::string local_;   // what was fetched of it lies under this name here
  std::string name_;          // over there; empty: neither ref is there
  std::optional<Oid> tip_{};  // over there, when it was looked at last
  bool looked_ = false;
};

}  // namespace mgit
