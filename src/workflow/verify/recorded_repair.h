// A repair that was recorded, to be done again.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "model/operation_record.h"
#include "workflow/repair_model.h"

namespace mgit {

/// Keeps references.
class RecordedRepair {
 public:
  RecordedRepair(const Workspace& repository, const RepairRecord& record)
      : repository_(repository), record_(record) {}

  /// Whether it fitted layers to what was merged.
  bool needs_parents() const;
  /// Returns "on 1000 samples of train.safetensors". Throws NotProven (kUnproved) unless the
  /// working tree's .mgitconfig names the very data and the very network that the record names, and
  /// the network is trusted here.
  std::string require_at_hand() const;
  /// Repairs `model`, of `commit`, again. Returns what that did; throws NotProven (kFailed) unless
  /// the result is `repaired`. Call require_at_hand() first.
  std::string require_same(const Oid& commit, const CommittedModel& model,
                           const std::vector<RepairParent>& parents,
                           const CommittedModel& repaired) const;

 private:
  const Workspace& repository_;
  const RepairRecord& record_;
};

}  // namespace mgit
