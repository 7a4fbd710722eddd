// Does one model continue another's training? The one answer to it, for every room.
#pragma once

#include <memory>
#include <optional>

#include "mgit/workspace.h"

namespace mgit {

/// True if `newer` was trained on from `older`: cosine over tensors of rank 2 or more above 0.5;
/// below 0.1 no; between them, yes if matching improves on the identity by at most 1 % (DESIGN
/// section 7). Always of the whole models: a sample may tell otherwise.
bool continues(const TensorSource& older, const TensorSource& newer);

/// Answers for models of one repository. A verdict is a function of the two models, so that it is
/// kept, in <common dir>/mgit/verdicts.db: that file can be deleted at any time, and where it
/// cannot be written the verdict is only found again. For one thread; keeps a reference to the
/// repository. Costs reading both models, once.
class Continuation {
 public:
  explicit Continuation(const Workspace& repository);
  ~Continuation();

  /// Fetches objects that are not here. Throws MissingError if they are nowhere.
  bool continues(const CommittedModel& older, const CommittedModel& newer);
  /// nullopt where objects are not here.
  std::optional<bool> if_here(const CommittedModel& older, const CommittedModel& newer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Continuation::continues for a single question.
bool continues(const Workspace& repository, const CommittedModel& older,
               const CommittedModel& newer);

}  // namespace mgit
