// mgit adopt: what was committed without mgit, a checkpoint in place of its manifest, becomes a
// version like any other: its tensors go to the store, coded against the version that it replaced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/adopt/raw_arrivals.h"
#include "workflow/mend_manifests.h"

namespace mgit {

struct AdoptedFile {
  std::string path;
  TreeFile raw;        // as it was committed
  TreeFile file;       // its manifest
  std::string format;  // "safetensors", …
  std::uint64_t size = 0;
  std::optional<Oid> replaced{};  // the commit of the version before it
  std::string before_format{};    // of that version
  std::size_t tensors = 0;
  std::size_t changed = 0;  // of them, others than in that version
};

struct Adoption {
  std::vector<AdoptedFile> files;
  std::vector<std::string> left;  // what was not taken in, and why: a line each
  std::optional<Oid> commit{};    // nullopt: nothing was taken in
  std::string subject{};
};

/// Takes raw files of `commit` in and writes a commit on top of it that has their manifests. No ref
/// moves. A file that is damaged, or in no format that mgit knows, is left, and said.
Adoption adopt(Workspace& repository, const Oid& commit, const RawArrivals& arrivals);

/// Of HEAD: the branch moves to that commit, and so does the index; the working tree has these
/// files already. Recorded, so that mgit undo takes it back. `since` as in raw_arrivals. Throws
/// Error, and nothing has changed, in a bare repository, with an operation of git's under way, or
/// where the index is locked.
Adoption adopt_head(Workspace& repository, const std::optional<Oid>& since,
                    const std::vector<std::string>& paths = {});

/// "model.safetensors: 3 of 9 tensors changed since 0123456789 (13.2 MB)".
std::string describe_adopted(const AdoptedFile& file);

/// What was left, and, where a commit came of it, one line that says so. `where` has it raw.
void say_adoption(const Adoption& adoption, const std::string& where, const Say& say);

}  // namespace mgit
