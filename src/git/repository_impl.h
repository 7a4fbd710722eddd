// What a Repository holds. Internal to src/git.
#pragma once

#include <unordered_map>

#include "base/process.h"
#include "git/git2.h"
#include "mgit/git.h"

namespace mgit {

struct OidHash {
  std::size_t operator()(const Oid& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};

struct Repository::Impl {
  explicit Impl(git2::RepositoryHandle opened);

  git_repository* git() const { return handle.get(); }

  /// Runs git in this repository, whatever GIT_DIR says relative to the current directory.
  ProcessResult run_git(std::vector<std::string> arguments, std::string input = {}) const;
  /// The same; throws Error with git's words unless it succeeds.
  std::string checked_git(std::vector<std::string> arguments) const;

  git2::CommitHandle commit(const Oid& id) const;
  git2::TreeHandle tree(const Oid& id) const;
  git2::TreeHandle tree_of_commit(const Oid& id) const;

  /// GIT_AUTHOR_IDENT or GIT_COMMITTER_IDENT, as git determines them; asked once, as git does.
  const Signature& identity(const char* variable) const;

  using PathList = std::vector<std::pair<std::string, TreeFile>>;
  struct Listing {
    PathList manifests;
    PathList indexes;  // files named as shard indexes are
  };
  /// What lies below a tree, by relative path; remembered, so that walking a history costs what
  /// changed in it.
  const Listing& listing_below(const Oid& tree_id) const;
  /// Remembered, too. A partial clone fetches the blob only if the file is mgit's by its name.
  bool is_manifest(const Oid& blob_id, const std::string& name) const;
  git_odb* objects() const;
  bool is_here(const Oid& blob_id) const;
  /// Whether some remote has the objects that are not here.
  bool is_partial() const;
  /// Whether the blob is here; a partial clone has git fetch it.
  bool obtain(const Oid& blob_id) const;
  const Manifest& manifest(const Oid& blob_id, const std::string& path) const;
  std::string blob(const Oid& id) const;

  git2::RepositoryHandle handle;
  std::filesystem::path git_dir;
  std::filesystem::path common_dir;
  std::filesystem::path work_dir;
  std::filesystem::path mgit_dir;
  mutable git2::OdbHandle odb;  // once objects() was asked for
  mutable std::optional<bool> partial;
  mutable std::optional<std::vector<std::string>> tracked;  // names, where they were asked for
  mutable std::map<std::string, Signature> identities;
  mutable std::unordered_map<Oid, Listing, OidHash> listings;
  mutable std::unordered_map<Oid, bool, OidHash> verdicts;  // of is_manifest
  mutable std::unordered_map<Oid, Manifest, OidHash> manifests;
};

}  // namespace mgit
