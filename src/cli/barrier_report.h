// What mgit barrier prints.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "workflow/evaluate.h"

namespace mgit::cli {

/// The ends, the middle and the barrier of one line; `points` along it.
void print_line(const BarrierReport& report, const JudgedCurve& line);

/// A row for each layer, of that line which is the last: after a rebase, if there is one.
void print_layers(const BarrierReport& report);

/// A row for each pair, and with a rebase another for what lies between them then.
void print_pairs(const std::vector<BarrierReport>& reports);

/// What averaging does with batch norms; "" where there are none.
std::string norm_line(const BarrierReport& report, bool wanted);

/// Everything but the setting.
Json report_json(const BarrierReport& report);

}  // namespace mgit::cli
