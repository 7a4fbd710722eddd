// mgit barrier: what lies on the straight line between two models.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/os.h"
#include "base/progress.h"
#include "base/words.h"
#include "cli/command.h"
#include "cli/evaluation.h"

namespace mgit::cli {
namespace {

constexpr const char* kLambda = "lambda: from the first model (0) to the second (1)";

NamedCurve loss_curve(std::string name, const BarrierCurve& curve) {
  NamedCurve result{std::move(name), curve.lambda, {}};
  for (const Evaluation& point : curve.points) result.y.push_back(point.loss);
  return result;
}

NamedCurve accuracy_curve(std::string name, const BarrierCurve& curve) {
  NamedCurve result{std::move(name), curve.lambda, {}};
  for (const Evaluation& point : curve.points) result.y.push_back(*point.accuracy * 100);
  return result;
}

Json curve_json(const BarrierCurve& curve) {
  Json points = Json::array();
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    Json point{{"lambda", curve.lambda[i]}};
    point.update(evaluation_json(curve.points[i]));
    points.push_back(std::move(point));
  }
  return {{"barrier", curve.barrier},
          {"barrier_paper", curve.barrier_paper},
          {"points", std::move(points)}};
}

class Barrier : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "The barrier is the largest rise of the loss over the line between the two ends; the "
        "paper's variant, over their mean, is printed beside it.\n\n"
        "--json prints one object: a, b, setting (graph, data, loss), barrier, barrier_paper, "
        "points "
        "(lambda, loss, accuracy, samples), repaired_norms, and with --rebase rebased: the curve "
        "after matching, "
        "spec, objective_before, objective_after, sweeps.");
    options.argument("a", request_.a, "revision (rev or rev:path) or checkpoint file").required();
    options.argument("b", request_.b, "the other end").required();
    options.value("--points", request_.points, "evaluations along the line (default 25)")
        .range(2, 10000);
    options.flag("--rebase", request_.rebase, "also with B matched onto A: before and after");
    options.flag("--no-repair", no_repair_,
                 "between the ends, average the running variances of batch norms like all else");
    add_evaluation_options(options, request_.evaluation);
    options.value("--svg", svg_, "draw the loss into this file, too").value_name("file");
    options.flag("--json", json_, "every point, as one JSON document");
    options.flag("--no-draw", no_draw_, "numbers only");
  }

  int run() override {
    const std::unique_ptr<Workspace> repository = find_repository();
    const BarrierReport report = measure(repository.get());
    if (json_)
      print_json(report);
    else
      print_text(report);
    if (!svg_.empty())
      os::write_file(
          svg_, as_bytes(curves_svg(curves(report, loss_curve), kLambda, report.setting.loss)));
    return 0;
  }

 private:
  BarrierReport measure(Workspace* repository) {
    request_.repair = !no_repair_;
    const int curves = request_.rebase ? 2 : 1;
    Progress progress("evaluating", static_cast<std::uint64_t>(curves * request_.points));
    request_.progress = [&](int, int) { progress.advance(); };
    return barrier(repository, request_);
  }

  static std::vector<NamedCurve> curves(const BarrierReport& report,
                                        NamedCurve (*make)(std::string, const BarrierCurve&)) {
    if (!report.rebased) return {make("", report.curve)};
    return {make("before rebase", report.curve), make("after rebase", *report.rebased)};
  }

  void print_rows(const BarrierCurve& curve) const {
    const std::size_t width = std::max({request_.a.size(), request_.b.size(), std::size_t{12}});
    const auto row = [&](const std::string& name, const Evaluation& evaluation) {
      fmt::print("  {:<{}}  loss {:>8.4f}  accuracy {:>8}\n", name, width, evaluation.loss,
                 accuracy_text(evaluation));
    };
    row(request_.a, curve.points.front());
    row(request_.points % 2 == 1 ? "midpoint" : "near middle",
        curve.points[curve.points.size() / 2]);
    row(request_.b, curve.points.back());
    fmt::print("  {:<{}}       {:>8.4f}  (over the mean of the ends: {:.4f})\n", "barrier", width,
               curve.barrier, curve.barrier_paper);
  }

  void print_text(const BarrierReport& report) const {
    fmt::print("{} - {}: {} points, {}, {} samples of {}\n", request_.a, request_.b,
               request_.points, report.setting.loss, report.curve.points.front().samples,
               report.setting.data.filename().string());
    if (report.rebased) fmt::print("before rebase\n");
    print_rows(report.curve);
    if (report.rebased) {
      fmt::print("after rebase: objective {:.2f} -> {:.2f} ({} sweeps, {})\n",
                 report.match->objective_before, report.match->objective_after,
                 report.match->sweeps, report.spec);
      print_rows(*report.rebased);
    }
    if (report.running_statistics) fmt::print("{}\n", norm_line(report));
    if (!no_draw_) draw(report);
  }

  std::string norm_line(const BarrierReport& report) const {
    if (report.repaired > 0)
      return fmt::format(
          "between the ends, the running variances of {} follow from the weights (--no-repair: "
          "averages)",
          counted(report.repaired, "batch norm"));
    return fmt::format(
        "note: between the ends, the running variances of batch norms are averages{}",
        no_repair_ ? "" : ": no spec says which layers they follow");
  }

  static void draw(const BarrierReport& report) {
    constexpr int kWidth = 72;
    const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    fmt::print("\n{}", draw_curves(curves(report, loss_curve), kLambda, report.setting.loss, kWidth,
                                   14, colour));
    if (report.curve.points.front().accuracy)
      fmt::print("\n{}", draw_curves(curves(report, accuracy_curve), kLambda, "accuracy, %", kWidth,
                                     8, colour));
  }

  void print_json(const BarrierReport& report) const {
    Json json{{"a", request_.a}, {"b", request_.b}};
    json["setting"] = setting_json(report.setting);
    json.update(curve_json(report.curve));
    if (report.rebased) {
      json["rebased"] = {{"spec", report.spec},
                         {"objective_before", report.match->objective_before},
                         {"objective_after", report.match->objective_after},
                         {"sweeps", report.match->sweeps}};
      json["rebased"].update(curve_json(*report.rebased));
    }
    json["running_statistics_averaged"] = report.running_statistics && report.repaired == 0;
    json["repaired_norms"] = report.repaired;
    fmt::print("{}\n", json.dump());
  }

  BarrierRequest request_;
  std::string svg_;
  bool json_ = false;
  bool no_draw_ = false;
  bool no_repair_ = false;
};

const Registered<Barrier> kBarrier("barrier", "loss along the line between two models",
                                   "mgit barrier main feature-branch --rebase");

}  // namespace
}  // namespace mgit::cli
