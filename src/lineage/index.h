// Fills the tables of lineage.db from git, and keeps them in step with it.
#pragma once

#include "mgit/git.h"
#include "model/database.h"

namespace mgit {

/// Goes up when the tables, or what fills them, change: an older file is then filled again.
inline constexpr int kLineageVersion = 5;
extern const char* const kLineageSchema;

/// Brings the tables up to date with refs, HEADs and notes. Cheap when they have not moved.
void update_index(Database& database, const Repository& repository);

/// Empties all tables and fills them.
void rebuild_index(Database& database, const Repository& repository);

}  // namespace mgit
