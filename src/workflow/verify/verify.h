// mgit verify: what a history says of its models, checked. Nothing in a commit is believed before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/verify/finding.h"

namespace mgit {

struct VerifyRequest {
  std::vector<std::string> revisions{"HEAD"};  // as `git rev-list` takes them
  bool contents = false;           // also: read every object and compare it with its name
  bool only_new_contents = false;  // of `contents`: not those that files before had
  bool remotes = true;             // what is not here may be there
  bool signatures = true;          // ask git about signed commits
  std::uint64_t limit = 0;         // of MergeVerifier
};

/// A signed commit, as git judges it.
struct SignedCommit {
  Oid commit;
  std::string state;  // "good", "BAD", "not checked": no key or no program to check it with
  std::string signer;
};

/// A file that the attributes of the newest commit give to mgit, and that is no manifest.
struct RawCheckpoint {
  Oid commit;
  std::string path;
};

struct VerifyReport {
  std::vector<Finding> findings;  // newest commit first
  std::vector<std::string> notes;
  std::vector<SignedCommit> signed_commits;
  std::vector<RawCheckpoint> raw;
  std::size_t commits = 0;
  std::size_t manifests = 0;
  std::size_t objects = 0;

  std::size_t count(Verdict verdict) const;
};

/// Costs what the history is long, and for each rebased or merged version of a model what computing
/// it costs. Objects that a claim needs and that are not here are fetched. Writes nothing to the
/// repository, except that repairing a merge again leaves objects that gc takes away. Throws Error
/// where git does not know the revisions.
VerifyReport verify(Workspace& repository, const VerifyRequest& request);

}  // namespace mgit
