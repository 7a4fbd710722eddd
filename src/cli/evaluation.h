// What eval and barrier share: their options, and how results are shown.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/options.h"
#include "workflow/evaluate.h"

namespace mgit::cli {

void add_evaluation_options(Options& options, EvaluationRequest& request);

/// nullptr outside of a repository. The repository fetches what its store lacks.
std::unique_ptr<Workspace> find_repository();

/// "96.90 %", or "-".
std::string accuracy_text(const Evaluation& evaluation);
Json evaluation_json(const Evaluation& evaluation);
Json setting_json(const EvaluatorOptions& setting);

}  // namespace mgit::cli
