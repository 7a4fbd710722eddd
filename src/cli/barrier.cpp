// mgit barrier: what lies on the straight line between two models.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/os.h"
#include "base/progress.h"
#include "base/words.h"
#include "cli/barrier_report.h"
#include "cli/command.h"
#include "cli/evaluation.h"
#include "cli/matching_options.h"

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

class Barrier : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "The barrier is the largest rise of the loss over the line between the two ends; the "
        "paper's variant, over their mean, is printed beside it. Of more than two models, a table "
        "of all pairs.\n\n"
        "Much of what an average loses may be calibration: 'calibrated' is its loss with logits "
        "divided by one number, chosen on a random half of the samples and judged on the other.\n\n"
        "--per-layer also judges each layer alone: the mean of both models' in the middle of the "
        "line, all others the first model's. Its barrier is the rise of the loss over the mean of "
        "the ends (layer-wise linear mode connectivity, arXiv 2307.06966). A layer is a module's "
        "tensors, with the batch norm that follows it alone; other batch norms are layers without "
        "their running statistics, modules with tied weights are one.\n\n"
        "--json prints one object: a, b, setting (graph, data, loss), barrier, barrier_paper, "
        "average (of the two: loss, accuracy, samples), calibrated (temperature, loss, and the "
        "loss without it on the same samples as uncalibrated), points "
        "(lambda, loss, accuracy, samples), repaired_norms, with --bootstrap barrier_interval, "
        "barrier_paper_interval and of each point loss_interval and accuracy_interval, "
        "with --per-layer layers (layer, barrier, loss, accuracy, samples; the largest barrier "
        "first), and with --rebase rebased: the same after matching, "
        "spec, objective_before, objective_after, sweeps. Of more than two models: models, "
        "setting, and pairs, a list of these objects.");
    options.argument("a", a_, "revision (rev or rev:path) or checkpoint file").required();
    options.argument("b", b_, "the other end").required();
    options.arguments("more", more_, "others: then all pairs");
    options.value("--points", request_.points, "evaluations along the line (default 25)")
        .range(2, 10000);
    options.flag("--rebase", request_.rebase, "also with B matched onto A: before and after");
    method_.add(options, request_.matching, "of --rebase: ");
    options
        .value("--matching-data", request_.matching.data.data,
               "of a method that runs the networks: what it runs them on (default: --data)")
        .value_name("file");
    options
        .value("--bootstrap", resamples_,
               "intervals of 95 % from that many resamples of the data's samples: 1000")
        .range(2, 1'000'000)
        .value_name("n");
    options.flag("--per-layer", request_.per_layer, "also each layer alone, of two models");
    options.flag("--no-repair", no_repair_,
                 "between the ends, average the running variances of batch norms like all else");
    add_evaluation_options(options, request_.evaluation);
    options.value("--svg", svg_, "draw the loss into this file, too").value_name("file");
    options.flag("--json", json_, "every point, as one JSON document");
    options.flag("--no-draw", no_draw_, "numbers only");
  }

  int run() override {
    if (!svg_.empty() && !more_.empty()) throw UsageError("--svg draws one line: name two models");
    if (request_.per_layer && !more_.empty())
      throw UsageError("--per-layer is of one line: name two models");
    method_.read(request_.matching);
    request_.matching.data.model = request_.evaluation.model;
    if (request_.matching.data.graph.empty())
      request_.matching.data.graph = request_.evaluation.graph;
    if (request_.matching.data.data.empty()) request_.matching.data.data = request_.evaluation.data;
    const std::unique_ptr<Workspace> repository = find_repository();
    const std::vector<BarrierReport> reports = measure(repository.get());
    if (json_)
      print_json(reports);
    else
      print_text(reports);
    if (!svg_.empty())
      os::write_file(svg_, as_bytes(curves_svg(curves(reports.front(), loss_curve), kLambda,
                                               reports.front().setting.loss)));
    return 0;
  }

 private:
  std::vector<BarrierReport> measure(Workspace* repository) {
    request_.repair = !no_repair_;
    request_.models = {a_, b_};
    request_.models.insert(request_.models.end(), more_.begin(), more_.end());
    request_.resamples = static_cast<std::uint64_t>(resamples_);
    std::optional<Progress> progress;
    request_.progress = [&](std::uint64_t more, std::uint64_t total) {
      if (!progress) progress.emplace("evaluating", total);
      progress->advance(more);
    };
    return barriers(repository, request_);
  }

  static std::vector<NamedCurve> curves(const BarrierReport& report,
                                        NamedCurve (*make)(std::string, const BarrierCurve&)) {
    if (!report.rebased) return {make("", report.before.curve)};
    return {make("before rebase", report.before.curve),
            make("after rebase", report.rebased->curve)};
  }

  void print_text(const std::vector<BarrierReport>& reports) const {
    const BarrierReport& first = reports.front();
    const std::string what = more_.empty() ? first.a + " - " + first.b
                                           : counted(request_.models.size(), "model") + ", " +
                                                 counted(reports.size(), "pair");
    fmt::print("{}: {} points, {}, {} samples of {}\n", what, request_.points, first.setting.loss,
               first.before.curve.points.front().samples, first.setting.data.filename().string());
    if (!more_.empty()) {
      print_pairs(reports);
      fmt::print("{}", norm_line(first, request_.repair));
      return;
    }
    if (first.rebased) fmt::print("before rebase\n");
    print_line(first, first.before);
    if (first.rebased) {
      fmt::print("after rebase: objective {:.2f} -> {:.2f} ({} sweeps, {})\n",
                 first.match->objective_before, first.match->objective_after, first.match->sweeps,
                 first.spec);
      print_line(first, *first.rebased);
    }
    fmt::print("{}", norm_line(first, request_.repair));
    if (request_.per_layer) print_layers(first);
    if (!no_draw_) draw(first);
  }

  static void draw(const BarrierReport& report) {
    constexpr int kWidth = 72;
    const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    fmt::print("\n{}", draw_curves(curves(report, loss_curve), kLambda, report.setting.loss, kWidth,
                                   14, colour));
    if (report.before.curve.points.front().accuracy)
      fmt::print("\n{}", draw_curves(curves(report, accuracy_curve), kLambda, "accuracy, %", kWidth,
                                     8, colour));
  }

  void print_json(const std::vector<BarrierReport>& reports) const {
    const Json setting = setting_json(reports.front().setting);
    Json json;
    if (more_.empty()) {
      json = report_json(reports.front());
    } else {
      json["models"] = request_.models;
      json["pairs"] = Json::array();
      for (const BarrierReport& report : reports) json["pairs"].push_back(report_json(report));
    }
    json["setting"] = setting;
    fmt::print("{}\n", json.dump());
  }

  BarrierRequest request_;
  MethodOptions method_;
  std::string a_;
  std::string b_;
  std::vector<std::string> more_;
  std::string svg_;
  int resamples_ = 0;
  bool json_ = false;
  bool no_draw_ = false;
  bool no_repair_ = false;
};

const Registered<Barrier> kBarrier(
    "barrier", "loss along the line between two models",
    "mgit barrier main feature-branch --rebase\nmgit barrier main a b c --bootstrap 1000");

}  // namespace
}  // namespace mgit::cli
