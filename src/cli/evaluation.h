// What eval and barrier share: their options, and how results are shown.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "workflow/evaluate.h"

namespace mgit::cli {

void add_evaluation_options(CLI::App& app, EvaluationRequest& request);

/// nullptr outside of a repository. The repository fetches what its store lacks.
std::unique_ptr<Repository> find_repository();

/// "96.90 %", or "-".
std::string accuracy_text(const Evaluation& evaluation);
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);
nlohmann::ordered_json setting_json(const EvaluatorOptions& setting);

}  // namespace mgit::cli
