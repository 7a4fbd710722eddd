// mgit match: the permutation that a rebase would find, and its report.
#include <fmt/format.h>

#include <algorithm>

#include "base/os.h"
#include "base/progress.h"
#include "base/words.h"
#include "cli/command.h"
#include "cli/evaluation.h"
#include "cli/matching_options.h"
#include "model/model_spec.h"
#include "workflow/match_models.h"

namespace mgit::cli {
namespace {

/// Of a group that stands on fewer, the places are those of one layer and the next.
constexpr std::size_t kManyPlaces = 6;
constexpr std::size_t kShownPlaces = 8;

class MatchCommand : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Finds the permutation that brings B closest to A, as a rebase of B onto A would, and says "
        "what it gains. Models, branches and history stay as they are, so a spec that was not "
        "proved will do.\n\n"
        "Cosines are between A and B, then between A and B permuted: over all tensors that are "
        "matched, and with --report over those that carry a group, the least alike first: those "
        "limit the result. A group that stands on many tensors, as a residual stream does, has one "
        "order "
        "for all of them: --report says how much of the similarity that each place could have "
        "alone "
        "is lost by that, and how many units would be elsewhere. Units that are tied could change "
        "places with another without a loss.\n\n"
        "--json prints one object: a, b, path (of B), architecture, proof, spec (its digest), "
        "method, weighting, order, seed, restarts, sweeps, objective_before, objective_after, "
        "cosine_before, "
        "cosine_after, units, moved, worth_rebase, of ste held_out (the midpoint's loss before, "
        "by_weights and after), groups (in the order of the spec: name, units, "
        "moved, similarity_before, similarity_after: this group's part of the objective before and "
        "after it alone moves, cosine_before, cosine_after, with --report also tied, lost, and "
        "places: tensor, axis, shared and "
        "alone, the objective's part in the shared order and in the best one for it alone, "
        "elsewhere).\n\n"
        "-o writes what a rebase records as Mgit-Permutation (docs/formats.md).");
    options.argument("a", request_.a, "revision (rev or rev:path) or checkpoint file").required();
    options.argument("b", request_.b, "the one that would move").required();
    options.flag("--report", report_, "a line for each group of hidden units, too");
    options.flag("--json", json_, "all of it, as one JSON document");
    options.value("--output,-o", output_, "write the permutation there").value_name("file");
    matching_.add(options, request_.matching);
    options
        .value("--model", request_.model_name, "its name in .mgitconfig, where there are several")
        .value_name("name");
  }

  int run() override {
    matching_.read(request_.matching);
    const std::unique_ptr<Workspace> repository = find_repository();
    const MatchReport report = match(repository.get());
    if (!output_.empty()) os::write_file(output_, as_bytes(report.permutation()));
    if (json_) {
      print_json(report);
    } else {
      print_summary(report);
      if (report_) print_groups(report);
    }
    return 0;
  }

 private:
  MatchReport match(const Workspace* repository) {
    Progress progress("matching, sweeps", 0);
    request_.progress = [&] { progress.advance(); };
    request_.agreement = report_;
    return match_models(repository, request_);
  }

  void print_summary(const MatchReport& report) const {
    const MatchResult& match = report.match;
    fmt::print("{} - {}: {}\n", request_.a, request_.b, describe_spec(report.spec));
    const UnitCount units = count_units(report.match);
    const MatchOptions& options = request_.matching.options;
    fmt::print("{} of {} hidden units move (method {}{}, seed {}, {})\n", units.moved, units.all,
               request_.matching.method, weighting_words(report), options.seed,
               counted(static_cast<std::uint64_t>(match.sweeps), "sweep"));
    if (const auto& losses = match.held_out)
      fmt::print("midpoint's loss on held-out samples {:.4f} -> {:.4f} ({:.4f} by weights)\n",
                 losses->before, losses->after, losses->by_weights);
    fmt::print("objective {:.2f} -> {:.2f}, cosine {:.4f} -> {:.4f}\n", match.objective_before,
               match.objective_after, report.cosines.all.before, report.cosines.all.after);
    if (report.in_basin)
      fmt::print("already in one basin, the gain is below 1 %: a rebase would move nothing\n");
    else
      fmt::print("worth a rebase{}\n", report.spec.proof == Proof::kStatic
                                           ? ", which needs --trust-spec: the spec is not proved"
                                           : "");
  }

  /// The default says so where it leaves anything out.
  std::string weighting_words(const MatchReport& report) const {
    const Weighting weighting = request_.matching.options.weighting;
    if (weighting != Weighting::kLinear)
      return fmt::format(", weighting {}", weighting_name(weighting));
    return report.norms_left_out ? ", layer norms left out" : "";
  }

  static void print_groups(const MatchReport& report) {
    std::size_t width = 12;
    for (const GroupMatch& group : report.match.groups) width = std::max(width, group.name.size());
    fmt::print("\ncosine by group, the least alike after matching first\n");
    fmt::print("  {:<{}} {:>7} {:>7} {:>7} {:>9} {:>9}\n", "group", width, "units", "move", "tied",
               "before", "after");
    for (const std::size_t i : report.by_cosine()) {
      const GroupMatch& group = report.match.groups[i];
      const Cosines& cosines = report.cosines.groups[i];
      const GroupAgreement& agreement = report.agreement[i];
      fmt::print("  {:<{}} {:>7} {:>7} {:>7} {:>9.4f} {:>9.4f}\n", group.name, width, group.size,
                 group.moved, agreement.places.empty() ? "-" : fmt::format("{}", agreement.tied),
                 cosines.before, cosines.after);
    }
    for (std::size_t i = 0; i < report.agreement.size(); ++i)
      if (report.agreement[i].places.size() >= kManyPlaces)
        print_places(report.match.groups[i], report.agreement[i]);
  }

  /// Those that lose most.
  static void print_places(const GroupMatch& group, const GroupAgreement& agreement) {
    std::vector<PlaceAgreement> places = agreement.places;
    const auto lost = [](const PlaceAgreement& place) {
      return place.alone > 0 ? 1 - place.shared / place.alone : 0;
    };
    std::stable_sort(places.begin(), places.end(), [](const auto& x, const auto& y) {
      return x.alone - x.shared > y.alone - y.shared;
    });
    fmt::print(
        "\n{}: one order for {} places, by which {:.1f} % of what each could have alone is lost\n",
        group.name, places.size(), 100 * agreement.lost());
    places.resize(std::min(places.size(), kShownPlaces));
    std::size_t width = 12;
    for (const PlaceAgreement& place : places) width = std::max(width, place.tensor.size() + 7);
    for (const PlaceAgreement& place : places)
      fmt::print("  {:<{}} {:>5.1f} %, {} of {} units elsewhere\n",
                 fmt::format("{} axis {}", place.tensor, place.axis), width, 100 * lost(place),
                 place.elsewhere, group.size);
  }

  static Json agreement_json(const GroupAgreement& agreement) {
    Json places = Json::array();
    for (const PlaceAgreement& place : agreement.places)
      places.push_back({{"tensor", place.tensor},
                        {"axis", place.axis},
                        {"shared", place.shared},
                        {"alone", place.alone},
                        {"elsewhere", place.elsewhere}});
    return {{"tied", agreement.tied}, {"lost", agreement.lost()}, {"places", std::move(places)}};
  }

  void print_json(const MatchReport& report) const {
    Json groups = Json::array();
    for (std::size_t i = 0; i < report.match.groups.size(); ++i) {
      const GroupMatch& group = report.match.groups[i];
      Json json{{"name", group.name},
                {"units", group.size},
                {"moved", group.moved},
                {"similarity_before", group.before},
                {"similarity_after", group.after},
                {"cosine_before", report.cosines.groups[i].before},
                {"cosine_after", report.cosines.groups[i].after}};
      if (report_) json.update(agreement_json(report.agreement[i]));
      groups.push_back(std::move(json));
    }
    const UnitCount units = count_units(report.match);
    const MatchOptions& options = request_.matching.options;
    Json json{{"a", request_.a},
              {"b", request_.b},
              {"path", report.path},
              {"architecture", report.spec.architecture},
              {"proof", proof_name(report.spec.proof)},
              {"spec", sha256(as_bytes(spec_text(report.spec))).hex()},
              {"method", request_.matching.method},
              {"weighting", weighting_name(options.weighting)},
              {"order", order_name(options.order)},
              {"seed", options.seed},
              {"restarts", options.restarts},
              {"sweeps", report.match.sweeps},
              {"objective_before", report.match.objective_before},
              {"objective_after", report.match.objective_after},
              {"cosine_before", report.cosines.all.before},
              {"cosine_after", report.cosines.all.after},
              {"units", units.all},
              {"moved", units.moved},
              {"worth_rebase", !report.in_basin},
              {"groups", std::move(groups)}};
    if (const auto& losses = report.match.held_out)
      json["held_out"] = {
          {"before", losses->before}, {"by_weights", losses->by_weights}, {"after", losses->after}};
    fmt::print("{}\n", json.dump());
  }

  MatchRequest request_;
  MatchingOptions matching_;
  std::string output_;
  bool report_ = false;
  bool json_ = false;
};

const Registered<MatchCommand> kMatch("match",
                                      "what bringing a model into another's basin would gain",
                                      "mgit match main feature-branch --report");

}  // namespace
}  // namespace mgit::cli
