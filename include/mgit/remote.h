// Moving tensor objects between stores. For now: remotes that are paths or file:// URLs.
//
// Only what the other side lacks travels, as stored records (views stay views) with their bases.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/store.h"
#include "mgit/workspace.h"

namespace mgit {

/// The store directory behind a remote URL: <path>/mgit for a bare repository, <path>/.git/mgit
/// otherwise; nullopt if the URL is not a path. Relative paths are relative to `base`.
std::optional<std::filesystem::path> store_behind(std::string_view url,
                                                  const std::filesystem::path& base);

struct TransferReport {
  std::size_t objects = 0;
  std::uint64_t stored_bytes = 0;
};

/// Every object that the commits `include` (and not `exclude`) refer to: manifests' objects, and
/// the permutations and specs in mgit's trailers.
std::vector<Digest> objects_in_history(const Repository& repository,
                                       const std::vector<Oid>& include,
                                       const std::vector<Oid>& exclude);

TransferReport transfer(const Store& from, Store& to, const std::vector<Digest>& objects);

/// Pushes what `commits` need to the store behind `url`. Objects first: to be called before refs
/// move.
TransferReport push_objects(const Workspace& repository, std::string_view url,
                            const std::vector<Oid>& commits, const std::vector<Oid>& already_there);

/// The Workspace::Fetcher: looks for objects in the stores of all remotes, copies what it finds.
void fetch_objects(const Workspace& repository, const std::vector<Digest>& objects);

/// Which of these objects the stores behind the remotes have, by URL. Remotes that cannot be read
/// are left out.
std::vector<std::pair<std::string, std::vector<Digest>>> objects_at_remotes(
    const Workspace& repository, const std::vector<Digest>& objects);

}  // namespace mgit
