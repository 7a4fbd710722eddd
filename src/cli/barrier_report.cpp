#include "cli/barrier_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/words.h"
#include "cli/evaluation.h"

namespace mgit::cli {
namespace {

std::string loss_text(const Interval& interval) {
  return fmt::format(" [{:.4f}, {:.4f}]", interval.low, interval.high);
}

std::string share_text(const Interval& interval) {
  return fmt::format(" [{:.2f}, {:.2f}]", interval.low * 100, interval.high * 100);
}

/// The point in the middle; of an even number of points the one behind it.
std::size_t middle(const JudgedCurve& line) { return line.curve.points.size() / 2; }

void print_point(const std::string& name, std::size_t width, const JudgedCurve& line,
                 std::size_t at) {
  const Evaluation& point = line.curve.points[at];
  const bool classes = line.intervals && !line.intervals->accuracies.empty();
  fmt::print("  {:<{}}  loss {:>8.4f}{}  accuracy {:>8}{}\n", name, width, point.loss,
             line.intervals ? loss_text(line.intervals->losses[at]) : "", accuracy_text(point),
             classes ? share_text(line.intervals->accuracies[at]) : "");
}

std::vector<std::string> row(std::string name, const JudgedCurve& line) {
  const std::size_t at = middle(line);
  const bool exact = line.curve.points.size() % 2 == 1 && line.intervals;
  std::string accuracy = accuracy_text(line.average);
  if (exact && !line.intervals->accuracies.empty())
    accuracy += share_text(line.intervals->accuracies[at]);
  return {std::move(name),
          fmt::format("{:.4f}", line.curve.barrier) +
              (line.intervals ? loss_text(line.intervals->barrier) : ""),
          fmt::format("{:.4f}", line.average.loss) +
              (exact ? loss_text(line.intervals->losses[at]) : ""),
          std::move(accuracy),
          line.calibrated ? fmt::format("{:.4f}", line.calibrated->loss) : "-",
          line.calibrated ? fmt::format("{:.2f}", line.calibrated->temperature) : "-"};
}

Json interval_json(const Interval& interval) {
  Json json = Json::array();
  json.push_back(interval.low);
  json.push_back(interval.high);
  return json;
}

Json line_json(const JudgedCurve& line) {
  Json points = Json::array();
  for (std::size_t i = 0; i < line.curve.points.size(); ++i) {
    Json point{{"lambda", line.curve.lambda[i]}};
    point.update(evaluation_json(line.curve.points[i]));
    if (line.intervals) point["loss_interval"] = interval_json(line.intervals->losses[i]);
    if (line.intervals && !line.intervals->accuracies.empty())
      point["accuracy_interval"] = interval_json(line.intervals->accuracies[i]);
    points.push_back(std::move(point));
  }
  Json json{{"barrier", line.curve.barrier},
            {"barrier_paper", line.curve.barrier_paper},
            {"average", evaluation_json(line.average)}};
  if (line.intervals) {
    json["barrier_interval"] = interval_json(line.intervals->barrier);
    json["barrier_paper_interval"] = interval_json(line.intervals->barrier_paper);
  }
  if (line.calibrated)
    json["calibrated"] = {{"temperature", line.calibrated->temperature},
                          {"loss", line.calibrated->loss},
                          {"uncalibrated", line.calibrated->uncalibrated}};
  json["points"] = std::move(points);
  for (const LayerBarrier& layer : line.layers) {
    Json entry{{"layer", layer.layer}, {"barrier", layer.barrier}};
    entry.update(evaluation_json(layer.midpoint));
    json["layers"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace

void print_line(const BarrierReport& report, const JudgedCurve& line) {
  const std::size_t width = std::max({report.a.size(), report.b.size(), std::size_t{12}});
  print_point(report.a, width, line, 0);
  print_point(line.curve.points.size() % 2 == 1 ? "midpoint" : "near middle", width, line,
              middle(line));
  print_point(report.b, width, line, line.curve.points.size() - 1);
  fmt::print("  {:<{}}       {:>8.4f}{}  (over the mean of the ends: {:.4f})\n", "barrier", width,
             line.curve.barrier, line.intervals ? loss_text(line.intervals->barrier) : "",
             line.curve.barrier_paper);
  if (line.calibrated)
    fmt::print("  {:<{}}  loss {:>8.4f}  at temperature {:.2f}; {:.4f} without, on the same half\n",
               "calibrated", width, line.calibrated->loss, line.calibrated->temperature,
               line.calibrated->uncalibrated);
}

void print_layers(const BarrierReport& report) {
  const std::vector<LayerBarrier>& layers =
      (report.rebased ? *report.rebased : report.before).layers;
  std::map<std::string_view, double> before;
  for (const LayerBarrier& layer : report.before.layers) before[layer.layer] = layer.barrier;
  std::size_t width = std::string_view("layer").size();
  for (const LayerBarrier& layer : layers) width = std::max(width, layer.layer.size());
  fmt::print("each layer alone, all others as in {}\n  {:<{}}  {:>8}  {:>8}  {:>8}{}\n", report.a,
             "layer", width, "loss", "accuracy", "barrier",
             report.rebased ? "  before rebase" : "");
  for (const LayerBarrier& layer : layers)
    fmt::print("  {:<{}}  {:>8.4f}  {:>8}  {:>8.4f}{}\n", layer.layer, width, layer.midpoint.loss,
               accuracy_text(layer.midpoint), layer.barrier,
               report.rebased ? fmt::format("  {:>13.4f}", before[layer.layer]) : "");
}

void print_pairs(const std::vector<BarrierReport>& reports) {
  std::vector<std::vector<std::string>> rows{
      {"", "barrier", "average: loss", "accuracy", "calibrated", "temperature"}};
  for (const BarrierReport& report : reports) {
    rows.push_back(row(report.a + " - " + report.b, report.before));
    if (report.rebased) rows.push_back(row("  after rebase", *report.rebased));
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& cells : rows)
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  for (const auto& cells : rows) {
    std::string line = fmt::format("{:<{}}", cells.front(), widths.front());
    for (std::size_t i = 1; i < cells.size(); ++i)
      line += fmt::format("  {:>{}}", cells[i], widths[i]);
    fmt::print("{}\n", line);
  }
}

std::string norm_line(const BarrierReport& report, bool wanted) {
  if (!report.running_statistics) return {};
  if (report.repaired > 0)
    return fmt::format(
        "between the ends, the running variances of {} follow from the weights (--no-repair: "
        "averages)\n",
        counted(report.repaired, "batch norm"));
  return fmt::format(
      "note: between the ends, the running variances of batch norms are averages{}\n",
      wanted ? ": no spec says which layers they follow" : "");
}

Json report_json(const BarrierReport& report) {
  Json json{{"a", report.a}, {"b", report.b}};
  json.update(line_json(report.before));
  if (report.rebased) {
    json["rebased"] = {{"spec", report.spec},
                       {"objective_before", report.match->objective_before},
                       {"objective_after", report.match->objective_after},
                       {"sweeps", report.match->sweeps}};
    json["rebased"].update(line_json(*report.rebased));
  }
  json["running_statistics_averaged"] = report.running_statistics && report.repaired == 0;
  json["repaired_norms"] = report.repaired;
  return json;
}

}  // namespace mgit::cli
