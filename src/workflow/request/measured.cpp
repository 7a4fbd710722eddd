#include "workflow/request/measured.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/markdown.h"
#include "workflow/evaluate.h"

namespace mgit {
namespace {

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f} %", *share * 100) : "–";
}

std::string reason(const Error& error) {
  std::string text = error.what();
  if (!error.where().empty()) text = error.where() + ": " + text;
  if (!error.hint().empty()) text += " (" + error.hint() + ")";
  return text;
}

/// The point in the middle of the line; of an even number of points the one behind it.
const Evaluation& middle(const JudgedCurve& line) {
  return line.curve.points[line.curve.points.size() / 2];
}

std::vector<std::string> barrier_row(const char* name, const JudgedCurve& line) {
  return {name, fmt::format("{:.4f}", line.curve.barrier),
          fmt::format("{:.4f}", line.curve.barrier_paper), fmt::format("{:.4f}", middle(line).loss),
          percent(middle(line).accuracy)};
}

std::vector<std::string> evaluation_row(std::string name, const Evaluation& found) {
  return {std::move(name), fmt::format("{:.4f}", found.loss), percent(found.accuracy),
          std::to_string(found.samples)};
}

std::string report_text(const BarrierReport& report, const MeasuredModel& model) {
  std::vector<std::vector<std::string>> rows{barrier_row("as it is", report.before)};
  if (report.rebased) rows.push_back(barrier_row("after a rebase", *report.rebased));
  std::string text = fmt::format(
      "#### Barrier against {}\n\n{} on {} of {}, {} points on the line between the two.\n\n",
      markdown_code(model.base_name), markdown_code(report.setting.loss),
      fmt::format("{} samples", middle(report.before).samples),
      markdown_code(report.setting.data.filename().string()), report.before.curve.points.size());
  text += markdown_table(
      {"", "barrier", "over the mean of the ends", "loss in the middle", "accuracy there"}, rows);
  if (report.running_statistics)
    text +=
        report.repaired > 0
            ? "\nBetween the ends the running variances of batch norms follow from the weights.\n"
            : "\nBetween the ends the running variances of batch norms are averages.\n";
  rows = {evaluation_row(markdown_code(model.base_name), report.before.curve.points.front()),
          evaluation_row(markdown_code(model.head_name), report.before.curve.points.back()),
          evaluation_row("mean of both", report.before.average)};
  if (report.rebased)
    rows.push_back(evaluation_row("mean of both, after a rebase", report.rebased->average));
  return text + "\n#### Evaluation\n\n" +
         markdown_table({"", "loss", "accuracy", "samples"}, rows) + "\n";
}

/// What the lineage knows of the newest weights in a commit.
void add_recorded(const Lineage& lineage, const Oid& commit, const std::string& name,
                  const std::string& path, std::vector<std::vector<std::string>>& rows) {
  const auto document = Json::parse(lineage.describe_json(commit, path));
  const Json* models = document ? document->find("models") : nullptr;
  const Json* history = models != nullptr && !models->elements().empty()
                            ? models->elements().front().find("history")
                            : nullptr;
  if (history == nullptr || history->elements().empty()) return;
  const Json* evaluations = history->elements().front().find("evaluations");
  if (evaluations == nullptr) return;
  for (const Json& each : evaluations->elements()) {
    const Json* loss = each.find("loss");
    const Json* accuracy = each.find("accuracy");
    const Json* samples = each.find("samples");
    const Json* data = each.find("data_name");
    if (loss == nullptr || !loss->number() || data == nullptr) continue;
    rows.push_back({markdown_code(name), markdown_code(data->string().value_or("")),
                    fmt::format("{:.4f}", *loss->number()),
                    percent(accuracy != nullptr ? accuracy->number() : std::nullopt),
                    std::to_string(samples != nullptr ? samples->natural().value_or(0) : 0)});
  }
}

std::string recorded(const Lineage& lineage, const MeasuredModel& model) {
  std::vector<std::vector<std::string>> rows;
  if (model.in_base) add_recorded(lineage, model.base, model.base_name, model.path, rows);
  add_recorded(lineage, model.head, model.head_name, model.path, rows);
  if (rows.empty()) return "#### Evaluation\n\nNone is recorded (`mgit eval` records one).\n\n";
  return "#### Evaluation\n\nAs `mgit eval` recorded it, in notes that whoever pushed them "
         "wrote.\n\n" +
         markdown_table({"", "data", "loss", "accuracy", "samples"}, rows, 2) + "\n";
}

/// With the branch's model matched to the base's, where a spec says how.
std::string measure(Workspace& repository, const MeasuredModel& model) {
  evaluation_setting(&repository, model.path, {});
  BarrierRequest request;
  request.models = {model.base.hex() + ":" + model.path, model.head.hex() + ":" + model.path};
  request.points = model.points;
  request.progress = model.progress;
  request.rebase = true;
  std::string note;
  std::vector<BarrierReport> reports;
  try {
    reports = barriers(&repository, request);
  } catch (const Error& error) {
    request.rebase = false;
    note = "Not after a rebase: " + markdown_code(reason(error), 400) + "\n\n";
    reports = barriers(&repository, request);
  }
  return report_text(reports.front(), model) + note;
}

}  // namespace

std::string measured(Workspace& repository, const Lineage& lineage, const MeasuredModel& model) {
  std::string why = "it was not asked for.";
  if (!model.in_base) {
    why = "the base does not have this model.";
  } else if (model.measure) {
    try {
      return measure(repository, model);
    } catch (const Error& error) {
      why = markdown_code(reason(error), 400) +
            "\n\nIt needs a network (`graph`) and evaluation data (`data`) in `.mgitconfig`, and "
            "`mgit trust` by whoever runs `mgit request`.";
    }
  }
  return fmt::format("#### Barrier against {}\n\nNot measured: {}\n\n{}",
                     markdown_code(model.base_name), why, recorded(lineage, model));
}

}  // namespace mgit
