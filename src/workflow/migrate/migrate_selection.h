// Which files of history a migration takes, and the attribute patterns that say so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workflow/migrate/migrate.h"
#include "workflow/migrate/migrate_content.h"

namespace mgit {

/// Files of history, by path, with every blob that ever stood there.
using PathVersions = std::map<std::string, std::vector<Oid>>;

struct MigrationFiles {
  PathVersions paths;                   // those that are taken
  std::map<Oid, BlobContent> contents;  // of all their blobs
  std::vector<std::string> patterns;    // what .gitattributes has to say for them
};

/// Those of `paths` that a list of patterns covers and another does not, as git reads patterns in
/// .gitattributes. An empty `include` covers everything.
PathVersions matching(const Repository& repository, const PathVersions& paths,
                      const std::vector<std::string>& include,
                      const std::vector<std::string>& exclude);

/// Files to import: those of the patterns (by default the usual names of checkpoints) that had a
/// version large enough.
MigrationFiles files_to_import(const Repository& repository, const ObjectDatabase& objects,
                               const std::vector<Oid>& commits, const MigrateOptions& options);

/// Files to export: those that had a manifest.
MigrationFiles files_to_export(const Repository& repository, const ObjectDatabase& objects,
                               const std::vector<Oid>& commits, const MigrateOptions& options);

}  // namespace mgit
