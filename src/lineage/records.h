// Lines of evaluation notes. Written by other versions and by people, so whatever is not understood
// is left out, never an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/lineage.h"

namespace mgit {

/// One line of a note: a JSON object. Doubles come back exactly.
std::string evaluation_line(const EvaluationRecord& record);
std::optional<EvaluationRecord> parse_evaluation(const Oid& commit, std::string_view line);
/// All of a note's lines that are evaluations.
std::vector<EvaluationRecord> parse_evaluations(const Oid& commit, std::string_view note);

}  // namespace mgit
