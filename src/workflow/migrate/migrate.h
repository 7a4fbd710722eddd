// mgit migrate: history as it would be had mgit been there from the start (import), or never
// (export).
//
// Files change, nothing else: authors, committers, dates, messages, merges and tags stay. Objects
// are written first; then all refs move in one transaction, and what they were stays under
// refs/mgit/original/. A kill before that leaves the repository as it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

struct MigrateOptions {
  bool everything = false;            // all branches and tags
  std::vector<std::string> branches;  // empty: the current one
  std::vector<std::string> include;   // patterns as in .gitattributes
  std::vector<std::string> exclude;
  std::uint64_t above = 0;  // import: only paths that had a version of at least so many bytes
  bool to_lfs = false;      // export: to git-lfs instead of git's blobs
  bool dry_run = false;
};

struct MigratedPath {
  std::size_t versions = 0;
  std::uint64_t bytes = 0;  // of all versions of the checkpoint
};

struct MovedRef {
  std::string name;
  Oid before;
  Oid after;
};

struct MigrateResult {
  std::map<std::string, MigratedPath> paths;
  std::size_t commits = 0;    // of the history
  std::size_t rewritten = 0;  // of them
  std::vector<MovedRef> refs;
  std::vector<std::string> notes;
};

/// Files of git, and pointers of git-lfs, become manifests. Throws Error before anything is
/// rewritten if an LFS object is not here or a file cannot be a checkpoint.
MigrateResult migrate_import(Workspace& repository, const MigrateOptions& options);

/// Manifests become files of git, or pointers of git-lfs.
MigrateResult migrate_export(Workspace& repository, const MigrateOptions& options);

}  // namespace mgit
