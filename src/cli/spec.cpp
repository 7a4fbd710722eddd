// mgit spec show|check|diff|derive: what a network's hidden units are, and whether a spec fits.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/os.h"
#include "base/progress.h"
#include "cli/command.h"
#include "cli/spec_picture.h"
#include "cli/spec_report.h"
#include "mgit/graph.h"
#include "mgit/perm.h"
#include "mgit/spec_folding.h"
#include "mgit/spec_relation.h"
#include "mgit/workspace.h"
#include "model/adapter.h"
#include "model/graph_spec.h"
#include "model/model_spec.h"
#include "model/training_state.h"
#include "store/model_file.h"

namespace mgit::cli {
namespace {

/// The network a command line names: a checkpoint file, or REV[:PATH].
class Target {
 public:
  explicit Target(const std::string& text) {
    if (std::filesystem::is_regular_file(text)) {
      path_ = text;
      source_ = open_model_file(text);
      tensors_ = source_->tensors();
      return;
    }
    repository_ = Workspace::discover();
    const std::size_t colon = text.find(':');
    commit_ = repository_->require(text.substr(0, colon));
    const std::string path = colon == std::string::npos ? "" : text.substr(colon + 1);
    const CommittedModel model = require_model(*repository_, *commit_, path, text.substr(0, colon));
    path_ = model.path;
    tensors_ = infos_of(model.manifest);
    source_ = open_model(repository_->store(), model);
  }

  const std::string& path() const { return path_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorSource& source() const { return *source_; }
  SpecCheck check(const NetworkCheck& spec) const {
    return check_model(repository_ ? &*repository_ : nullptr, commit_, path_, tensors_, spec);
  }
  ModelDerivation derive(const GraphFile& graph) const {
    return derive_model(graph, repository_ ? &*repository_ : nullptr, commit_, path_, *source_);
  }
  /// The one in use: .mgitconfig's, or the family's.
  Spec spec() const {
    return choose_spec(repository_ ? &*repository_ : nullptr, commit_, path_, tensors_);
  }

 private:
  std::optional<Workspace> repository_;
  std::optional<Oid> commit_;
  std::string path_;
  std::vector<TensorInfo> tensors_;
  std::unique_ptr<TensorSource> source_;
};

void print_json(const Json& json) { fmt::print("{}\n", json.dump()); }

class SpecCommand : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "--json prints one object: architecture, proof, spec (its digest), tensors, parameters, "
        "movable, groups (name, size, parameters, members; of a family, in); check adds fits, or "
        "prints fits and reasons; with --graph also largest_change (of an output, relative), "
        "permutations, controls, reason, entailed (false: borne out by numbers alone).");
    show_ = &options.subcommand("show", "the groups of hidden units of a network");
    show_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    show_->flag("--text", text_, "the spec itself, every tensor and size written out");
    show_->flag("--dot", dot_, "a picture for Graphviz: mgit spec show --dot | dot -Tsvg");
    show_->flag("--svg", svg_, "a picture: a row for each tensor, a line for each group");
    show_->flag("--json", json_, "for scripts");
    Options* check =
        &options.subcommand("check", "does a spec fit a network, and how far is it proved");
    check->argument("spec", spec_, "a .perm file, or auto: the shipped families").required();
    check->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    check
        ->value("--graph", graph_,
                "prove the spec by the graph of the network: a .pt2 or .onnx file, or TorchScript")
        .value_name("file");
    add_input(*check);
    check->flag("--json", json_, "for scripts");
    diff_ = &options.subcommand("diff", "do two specs allow the same; the status is 1 if not");
    diff_
        ->argument(
            "a", spec_,
            "a .perm file, a graph (.pt2, .onnx, TorchScript), or auto: the shipped families")
        .required();
    diff_->argument("b", other_, "another").required();
    diff_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    diff_->flag("--json", json_, "for scripts");
    derive_ = &options.subcommand("derive", "the spec that the graph of a network allows");
    derive_->argument("graph", graph_, "a .pt2 file of torch.export, an ONNX model, or TorchScript")
        .required();
    derive_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    add_input(*derive_);
    derive_->value("--output,-o", output_, "write it there").value_name("file");
  }

  int run() override {
    if (derive_->chosen()) return derive();
    if (diff_->chosen()) return diff();
    return show_->chosen() ? show() : check();
  }

 private:
  void add_input(Options& options) {
    options
        .value(
            "--input", input_,
            "what the network is given, where its graph does not say it: 1x3x32x32, I64:1x16, =5")
        .value_name("shape");
  }

  int show() const {
    if (text_ + dot_ + svg_ + json_ > 1)
      throw UsageError("one of --text, --dot, --svg and --json at a time");
    const Spec spec = Target(target_).spec();
    if (text_) {
      fmt::print("{}", spec_text(spec));
    } else if (dot_) {
      fmt::print("{}", spec_dot(spec));
    } else if (svg_) {
      fmt::print("{}", spec_svg(spec));
    } else if (json_) {
      print_json(to_json(spec));
    } else {
      print_summary(spec);
      print_groups(spec);
    }
    return 0;
  }

  int check() const {
    const Target target(target_);
    const SpecCheck result = check_against(target, spec_);
    if (!result.spec) return misfits(target, result.reasons);
    return graph_.empty() ? fits(*result.spec) : check_by_graph(target, *result.spec);
  }

  /// Algebraic: what the graph allows; numeric: the graph is run. A spec that its words do not
  /// entail is borne out by its numbers, or refused.
  int check_by_graph(const Target& target, Spec spec) const {
    const MappedFile file(graph_);
    const ModelDerivation derived =
        target.derive(GraphFile(file.bytes(), graph_, parse_inputs(input_)));
    std::string beyond_graph;
    if (const auto reason = beyond(derived.spec, spec))
      beyond_graph = fmt::format("{}, as {} says", *reason, graph_);
    else
      spec.proof = Proof::kAlgebraic;
    std::optional<Progress> progress;
    const NumericProof proof =
        prove(derived.graph, spec, WeightsModel(target.source(), derived.prefix), 1,
              [&](std::uint64_t more, std::uint64_t total) {
                if (!progress) progress.emplace("running the network", total);
                progress->advance(more);
              });
    progress.reset();
    if (!proof.proved && !beyond_graph.empty())
      return misfits(target, {beyond_graph, "nor by its numbers: " + proof.reason});
    if (proof.proved) spec.proof = Proof::kNumeric;
    if (json_) {
      Json json = to_json(spec);
      json["fits"] = true;
      json["entailed"] = beyond_graph.empty();
      json["largest_change"] = proof.largest_change;
      json["permutations"] = proof.permutations;
      json["controls"] = proof.controls;
      json["reason"] = proof.proved ? beyond_graph : proof.reason;
      print_json(json);
      return 0;
    }
    print_summary(spec);
    if (proof.proved) {
      fmt::print(
          "outputs       change by {:.1e} at most, in {} permutations; with an axis left out, "
          "in {} of {} controls\n",
          proof.largest_change, proof.permutations, proof.controls - proof.silent.size(),
          proof.controls);
    } else {
      fmt::print("not numeric   {}\n", proof.reason);
    }
    if (!beyond_graph.empty())
      fmt::print("not algebraic {}: by its numbers alone\n", beyond_graph);
    else if (const auto more = beyond(spec, derived.spec))
      fmt::print("allows more   {}: 'mgit spec diff {} {} {}' shows what\n", graph_, spec_, graph_,
                 target_);
    return 0;
  }

  static SpecCheck check_against(const Target& target, const std::string& spec) {
    const std::string text = spec == "auto" ? "" : os::read_file(spec);
    return target.check([&](const std::vector<TensorInfo>& network, const NetworkConfig& config) {
      return spec == "auto" ? check_families(network, config)
                            : check_spec(text, spec, network, config);
    });
  }

  static Spec require(const Target& target, const std::string& name) {
    if (name != "auto") {
      const MappedFile file(name);
      if (is_graph(file.bytes())) return target.derive(GraphFile(file.bytes(), name)).spec;
    }
    SpecCheck result = check_against(target, name);
    if (result.spec) return *std::move(result.spec);
    throw Error(fmt::format("does not fit {}: {}", target.path(), result.reasons.front()), name,
                fmt::format("'mgit spec check {}' lists every reason", name));
  }

  int diff() const {
    const Target target(target_);
    const Spec a = require(target, spec_);
    const Spec b = require(target, other_);
    const SpecComparison comparison = compare_specs(a, b);
    if (json_) {
      print_json(to_json(comparison, a, b));
    } else {
      print_comparison(comparison, {a, spec_}, {b, other_});
    }
    return comparison.differences.empty() ? 0 : 1;
  }

  int derive() const {
    const MappedFile file(graph_);
    const GraphFile graph(file.bytes(), graph_, parse_inputs(input_));
    const Target target(target_);
    const ModelDerivation found = target.derive(graph);
    const std::string text =
        derived_head(graph_, found) +
        fold_spec(found.derivation.spec_text, weights_under(target.tensors(), found.prefix));
    if (output_.empty()) {
      fmt::print("{}", text);
    } else {
      os::write_file(output_, as_bytes(text));
      print_summary(found.spec);
    }
    if (!found.spec.groups.empty()) return 0;
    fmt::print(stderr, "warning: nothing in this network can be reordered; {}\n",
               describe_pins(found.derivation));
    return 1;
  }

  int fits(const Spec& spec) const {
    if (json_) {
      Json json = to_json(spec);
      json["fits"] = true;
      print_json(json);
    } else {
      print_summary(spec);
    }
    return 0;
  }

  int misfits(const Target& target, const std::vector<std::string>& reasons) const {
    if (json_) {
      print_json({{"fits", false}, {"reasons", reasons}});
      return 1;
    }
    if (spec_ == "auto" && is_adapter(target.path(), target.source().tensors())) {
      fmt::print("{}: {}\n", target.path(), kAdapterHasNoUnits);
      return 1;
    }
    if (spec_ == "auto") {
      fmt::print("no shipped family fits {}:\n", target.path());
    } else {
      fmt::print("{} does not fit {}:\n", spec_, target.path());
    }
    for (const std::string& reason : reasons) fmt::print("  {}\n", reason);
    return 1;
  }

  std::string input_;
  Options* show_ = nullptr;
  Options* diff_ = nullptr;
  Options* derive_ = nullptr;
  std::string graph_;
  std::string output_;
  std::string target_ = "HEAD";
  std::string spec_;
  std::string other_;
  bool text_ = false;
  bool dot_ = false;
  bool svg_ = false;
  bool json_ = false;
};

const Registered<SpecCommand> kSpec("spec",
                                    "show, check or derive which hidden units can be reordered",
                                    "mgit spec show main\nmgit spec check net.perm "
                                    "main:model.safetensors\nmgit spec derive net.pt2 "
                                    "model.safetensors -o net.perm");

}  // namespace
}  // namespace mgit::cli
