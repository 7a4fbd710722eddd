// Evaluating: how good is a model, and what lies between two.
//
// A model is named by a revision ("main", "main:model.safetensors") or a checkpoint file. Network,
// data and loss come from the command line, else from the working tree's .mgitconfig.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eval/layer_barriers.h"
#include "mgit/eval.h"
#include "mgit/judging.h"
#include "mgit/match.h"
#include "mgit/workspace.h"
#include "workflow/matching.h"

namespace mgit {

/// What the command line says; what is empty comes from .mgitconfig.
struct EvaluationRequest {
  std::string model;  // the name in .mgitconfig, where there are several
  std::string graph;
  std::string data;
  std::string loss;
  std::uint64_t batch = 1000;
  std::string against;  // a model to compare outputs with
};

/// What a model is evaluated with: by the request, else by .mgitconfig. `path` is the model's, in
/// the repository, which may be null if everything is in the request. Throws Error for what is
/// nowhere named, and for a network of .mgitconfig that is not trusted.
EvaluatorOptions evaluation_setting(const Repository* repository, const std::string& path,
                                    const EvaluationRequest& request);

/// A model with its weights in memory.
struct NamedModel {
  std::string name;                  // as the user wrote it
  std::optional<Oid> commit;         // nullopt: a file
  std::string path;                  // in the repository, or of the file
  std::optional<Digest> checkpoint;  // SHA-256 of the manifest text, of a committed model
  MemoryModel weights;
  std::string weights_in{};  // the key of a training state that they were found under

  bool has_running_statistics() const;
};

struct EvaluatedModel {
  NamedModel model;
  EvaluatorOptions setting;
  Evaluation result;
  std::optional<double> largest_output_change;  // from `against`
};

/// `names` with the commits of each range (a..b, a..b:path), oldest first, in its place; commits
/// without the model are left out. Throws MissingError if none of them has it.
std::vector<std::string> without_ranges(const Repository* repository,
                                        const std::vector<std::string>& names,
                                        const EvaluationRequest& request);

/// Each in turn, with one evaluator. Evaluations of committed models are recorded in the lineage.
/// `repository` may be null if everything is named on the command line.
std::vector<EvaluatedModel> evaluate_models(Workspace* repository,
                                            const std::vector<std::string>& names,
                                            const EvaluationRequest& request);

struct BarrierRequest {
  std::vector<std::string> models;  // two or more
  EvaluationRequest evaluation;
  int points = 25;
  std::uint64_t resamples = 0;  // of the data, for intervals; 0: none
  bool rebase = false;          // also with B matched onto A
  MatchingChoice matching{};    // how; its data are those of the evaluation where it names none
  bool repair = true;           // between the ends, running variances follow from the weights
  bool per_layer = false;       // also each layer alone
  std::function<void(std::uint64_t more, std::uint64_t total)> progress;  // evaluations
};

/// What lies between two models.
struct JudgedCurve {
  BarrierCurve curve;
  std::optional<CurveIntervals> intervals;  // with `resamples`
  Evaluation average;                       // of the two, each with half
  std::optional<Calibration> calibrated;    // the average, of cross_entropy
  std::vector<LayerBarrier> layers;         // with `per_layer`
};

struct BarrierReport {
  std::string a;
  std::string b;
  EvaluatorOptions setting;
  JudgedCurve before;
  std::optional<JudgedCurve> rebased;  // with `rebase`
  std::optional<MatchResult> match;
  std::string spec;                 // which one, and how far it is proved
  bool running_statistics = false;  // the network has batch norms
  std::size_t repaired = 0;         // how many of them were repaired between the ends
};

/// Of each pair of the models, in their order, with the network and data of the first; all weights
/// are in memory. Throws Error where they cannot be evaluated, or rebased.
std::vector<BarrierReport> barriers(Workspace* repository, const BarrierRequest& request);

}  // namespace mgit
