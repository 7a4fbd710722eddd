// Is a commit that says it was rebased a permutation of the commit that it says it was?
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mgit/workspace.h"
#include "model/operation_record.h"
#include "workflow/verify/finding.h"
#include "workflow/verify/spec_judge.h"

namespace mgit {

/// Checks one commit after the other, newest first; a version of a model is permuted once, in
/// however many commits it stands. Keeps references.
class RebaseVerifier {
 public:
  RebaseVerifier(Workspace& repository, SpecJudge& specs)
      : repository_(repository), specs_(specs) {}

  /// One finding for each model of the commit; one for the commit where its record names nothing
  /// that could be compared. `trailers`: what `record` was read from, as it stands there.
  std::vector<Finding> verify(const Commit& commit, const RebaseRecord& record,
                              const std::vector<Trailer>& trailers);

 private:
  struct Claim;

  std::string check_model(Claim& claim, const CommittedModel& here);
  std::string check_moved(Claim& claim, const CommittedModel& here, const CommittedModel& before,
                          const ModelPermutation& moved);
  std::string check_unmoved(const Claim& claim, const CommittedModel& here,
                            const std::optional<CommittedModel>& before) const;
  std::string check_spec(const Claim& claim, const CommittedModel& here,
                         const ModelPermutation& moved, const Spec& spec);
  void check_adapter(const Claim& claim, const CommittedModel& adapter,
                     const ModelPermutation& moved) const;
  bool moves_with_its_model(const Claim& claim, const Oid& tip, const CommittedModel& adapter,
                            const ModelPermutation& moved) const;

  Workspace& repository_;
  SpecJudge& specs_;
  /// Of each permutation the first commit seen with it, and its origin.
  std::map<Digest, std::pair<Oid, Oid>> newest_;
  std::map<std::pair<Digest, Oid>, Digest> permuted_;  // (permutation and path, blob) -> manifest
};

}  // namespace mgit
