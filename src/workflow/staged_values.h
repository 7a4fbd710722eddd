// Values that are not finite, in checkpoints that are about to be committed: weights that a
// training ruined, told apart from masks that belong to the network.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "git/model_config.h"
#include "mgit/workspace.h"
#include "worktree/finite_tensors.h"

namespace mgit {

/// Reads new tensors of a commit. For one thread; it reads with several.
class StagedValues {
 public:
  explicit StagedValues(const Workspace& repository);

  /// A line for each new tensor that has values which are not finite, unless they belong there: it
  /// is a mask (infinite alone, by its name or because every value is 0 or -inf), the tensor of
  /// that name had such values in HEAD, or .mgitconfig excepts it.
  std::vector<std::string> problems(const std::string& path, const Manifest& manifest);
  /// What to do about the problems, with the lines of .mgitconfig that would except them; empty if
  /// there were none.
  std::string hint() const;
  /// All is well: what was found finite need not be remembered.
  void forget() const { finite_.forget(); }

 private:
  bool is_excepted(const std::string& path, const std::string& tensor) const;

  const Workspace& repository_;
  std::set<Digest> known_;  // objects of HEAD
  FiniteTensors finite_;
  std::vector<NonFiniteTensors> excepted_;
  std::string example_path_;  // of a problem
  std::string example_tensor_;
};

}  // namespace mgit
