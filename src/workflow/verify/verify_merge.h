// Does a merge follow from what it recorded? Computed again from its parents, bit for bit, without
// matching: so is what a repair made, where the data that it names is at hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "model/operation_record.h"
#include "workflow/merge/model_plan.h"
#include "workflow/verify/finding.h"
#include "workflow/verify/spec_judge.h"

namespace mgit {

/// Keeps references.
class MergeVerifier {
 public:
  /// `limit`: bytes of models that are read to compute merges again; merges beyond it are
  /// kUnproved. 0: no limit.
  MergeVerifier(Workspace& repository, SpecJudge& specs, std::uint64_t limit)
      : repository_(repository), specs_(specs), limit_(limit) {}

  /// One finding for each model that the record speaks of.
  std::vector<Finding> verify(const Commit& commit, const OperationRecord& record);

  /// Of a merge: models that are no parent's and of which nothing is recorded.
  std::vector<std::string> unrecorded(const Commit& commit, const OperationRecord& record) const;

 private:
  struct Claim;

  std::string check_merge(const Commit& commit, const MergeRecord& merge,
                          const RepairRecord* repair);
  std::string check_repair(const Commit& commit, const RepairRecord& repair);
  RecordedMerge read_record(Claim& claim);
  bool follows(Claim& claim, const RecordedMerge& recorded);
  std::string repaired_as_recorded(Claim& claim, const RecordedMerge& recorded);
  void spend(const CommittedModel& model, std::size_t times);

  Workspace& repository_;
  SpecJudge& specs_;
  std::uint64_t limit_;
  std::uint64_t spent_ = 0;
};

}  // namespace mgit
