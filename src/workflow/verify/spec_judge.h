// May a recorded spec move what it moves? Anybody can write a spec into a record: it counts if the
// graph that the repository names entails it, or a shipped family allows it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mgit/perm.h"
#include "mgit/workspace.h"
#include "model/operation_record.h"

namespace mgit {

/// Remembers what it proved. Keeps a reference to the repository.
class SpecJudge {
 public:
  explicit SpecJudge(const Workspace& repository) : repository_(repository) {}

  /// `spec` is bound to a model at `path`; `record` is what names it. `commits`: whose
  /// .mgitconfig, graph and config.json may speak for it, one is enough. Returns who allows it, in
  /// words. Throws NotProven: kFailed where one of them does not, kUnproved where nothing says.
  std::string require_allowed(const Spec& spec, const SpecRecord& record, const std::string& path,
                              const std::vector<Oid>& commits);

 private:
  const Workspace& repository_;
  std::map<std::pair<Digest, std::string>, std::string> allowed_;  // (spec, path) -> by whom
};

}  // namespace mgit
