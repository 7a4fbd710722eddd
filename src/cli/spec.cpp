// mgit spec show|check|derive: what a network's hidden units are, and whether a spec fits.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/os.h"
#include "cli/command.h"
#include "mgit/git.h"
#include "mgit/graph.h"
#include "mgit/perm.h"
#include "mgit/store.h"
#include "model/graph_spec.h"
#include "model/model_spec.h"
#include "store/model_file.h"

namespace mgit::cli {
namespace {

constexpr std::size_t kColumns = 100;

/// The network a command line names: a checkpoint file, or REV[:PATH].
class Target {
 public:
  explicit Target(const std::string& text) {
    if (std::filesystem::is_regular_file(text)) {
      path_ = text;
      model_ = open_model_file(text);
      tensors_ = model_->tensors();
      return;
    }
    repository_ = Repository::discover();
    const std::size_t colon = text.find(':');
    commit_ = repository_->require(text.substr(0, colon));
    const std::string path = colon == std::string::npos ? "" : text.substr(colon + 1);
    const CommittedModel model = require_model(*repository_, *commit_, path, text.substr(0, colon));
    path_ = model.path;
    tensors_ = infos_of(model.manifest);
    manifest_ = model.manifest;
  }

  const std::string& path() const { return path_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  SpecCheck check(const NetworkCheck& spec) const {
    return check_model(repository_ ? &*repository_ : nullptr, commit_, path_, tensors_, spec);
  }
  ModelDerivation derive(const GraphFile& file) const {
    if (!repository_) return derive_model(file, nullptr, commit_, path_, *model_);
    const StoredModel model(repository_->store(), manifest_);
    return derive_model(file, &*repository_, commit_, path_, model);
  }
  /// The one in use: .mgitconfig's, or the family's.
  Spec spec() const {
    return choose_spec(repository_ ? &*repository_ : nullptr, commit_, path_, tensors_);
  }

 private:
  std::optional<Repository> repository_;
  std::optional<Oid> commit_;
  std::string path_;
  std::vector<TensorInfo> tensors_;
  std::unique_ptr<TensorSource> model_;  // a file's
  Manifest manifest_;                    // a commit's
};

Json to_json(const Spec& spec) {
  const ParameterCount parameters = count_parameters(spec);
  Json json = {{"architecture", spec.architecture},
               {"proof", proof_name(spec.proof)},
               {"spec", sha256(as_bytes(spec_text(spec))).hex()},
               {"tensors", spec.tensors.size()},
               {"parameters", parameters.total},
               {"movable", parameters.movable},
               {"groups", Json::array()}};
  const std::vector<GroupMembers> members = group_members(spec);
  for (std::size_t g = 0; g < members.size(); ++g) {
    Json axes = Json::array();
    for (const auto& [tensor, axis] : members[g].axes)
      axes.push_back({{"tensor", tensor}, {"axis", axis}});
    const Group& group = spec.groups[g];
    Json entry = {{"name", group.name},
                  {"size", group.size},
                  {"parameters", members[g].parameters},
                  {"members", axes}};
    if (group.outer) entry["in"] = spec.groups[*group.outer].name;
    if (group.fixed) entry["fixed"] = true;
    json["groups"].push_back(std::move(entry));
  }
  return json;
}

void print_json(const Json& json) { fmt::print("{}\n", json.dump()); }

void print_summary(const Spec& spec) {
  const ParameterCount parameters = count_parameters(spec);
  const double share = parameters.total == 0 ? 0.0
                                             : 100.0 * static_cast<double>(parameters.movable) /
                                                   static_cast<double>(parameters.total);
  fmt::print("architecture  {}\nproof         {}\n", spec.architecture, proof_name(spec.proof));
  if (const std::string place = weights_place(spec); !place.empty())
    fmt::print("weights       in '{}'\n", place);
  fmt::print("coverage      {} tensors, none left out\n", spec.tensors.size());
  fmt::print("groups        {}\n", spec.groups.size());
  fmt::print("can move      {:.1f} % of {} parameters\n", share, parameters.total);
}

void print_groups(const Spec& spec) {
  const std::vector<GroupMembers> members = group_members(spec);
  std::size_t width = 5;
  for (const Group& group : spec.groups) width = std::max(width, group.name.size());
  for (std::size_t g = 0; g < members.size(); ++g) {
    const Group& group = spec.groups[g];
    std::string note = group.fixed ? "  fixed, holds families" : "";
    if (group.outer) note += "  in each of " + spec.groups[*group.outer].name;
    fmt::print("\n{:<{}}  {:>6} units  {:>10} parameters{}\n", group.name, width, group.size,
               members[g].parameters, note);
    std::string line = "   ";
    for (const auto& [tensor, axis] : members[g].axes) {
      const std::string member = fmt::format(" {}:{}", tensor, axis);
      if (line.size() + member.size() > kColumns) {
        fmt::print("{}\n", line);
        line = "   ";
      }
      line += member;
    }
    fmt::print("{}\n", line);
  }
}

/// The spec that was derived, with what stays as it is and why before it.
std::string derived_text(const std::string& graph, const ModelDerivation& found) {
  constexpr std::size_t kNamed = 3;
  const ParameterCount parameters = count_parameters(found.spec);
  std::string text = fmt::format("# from {}: {} groups; {} of {} parameters can move\n", graph,
                                 found.spec.groups.size(), parameters.movable, parameters.total);
  for (const std::string& op : found.derivation.unknown_operators)
    text += fmt::format("# unknown operator, all that it touches stays as it is: {}\n", op);
  if (!found.derivation.pins.empty()) text += "# what stays as it is:\n";
  for (const Pin& pin : found.derivation.pins) {
    const auto end =
        pin.tensors.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, pin.tensors.size()));
    text += fmt::format("#   {}{}: {}", pin.reason,
                        pin.op.empty() ? "" : fmt::format(" ({} in {})", pin.op, pin.where),
                        fmt::join(pin.tensors.begin(), end, ", "));
    if (pin.tensors.size() > kNamed)
      text += fmt::format(" and {} more", pin.tensors.size() - kNamed);
    text += '\n';
  }
  return text + found.derivation.spec_text;
}

class SpecCommand : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "--json prints one object: architecture, proof, spec (its digest), tensors, parameters, "
        "movable, groups (name, size, parameters, members; of a family, in); check adds fits, or "
        "prints fits and reasons.");
    show_ = &options.subcommand("show", "the groups of hidden units of a network");
    show_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    show_->flag("--text", text_, "the spec itself, every tensor and size written out");
    show_->flag("--json", json_, "for scripts");
    Options* check =
        &options.subcommand("check", "does a spec fit a network, and how far is it proved");
    check->argument("spec", spec_, "a .perm file, or auto: the shipped families").required();
    check->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    check->flag("--json", json_, "for scripts");
    diff_ = &options.subcommand("diff", "do two specs allow the same; the status is 1 if not");
    diff_->argument("a", spec_, "a .perm file, or auto: the shipped families").required();
    diff_->argument("b", other_, "another").required();
    diff_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    diff_->flag("--json", json_, "for scripts");
    derive_ = &options.subcommand("derive", "the spec that the graph of a network allows");
    derive_->argument("graph", graph_, "a .pt2 file of torch.export, or an ONNX model").required();
    derive_->argument("network", target_, "a checkpoint file or shard index, or REV[:PATH]");
    derive_->value("--output,-o", output_, "write it there").value_name("file");
  }

  int run() override {
    if (derive_->chosen()) return derive();
    if (diff_->chosen()) return diff();
    return show_->chosen() ? show() : check();
  }

 private:
  int show() const {
    const Spec spec = Target(target_).spec();
    if (text_) {
      fmt::print("{}", spec_text(spec));
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
    return result.spec ? fits(*result.spec) : misfits(target, result.reasons);
  }

  static SpecCheck check_against(const Target& target, const std::string& spec) {
    const std::string text = spec == "auto" ? "" : os::read_file(spec);
    return target.check([&](const std::vector<TensorInfo>& network, const NetworkConfig& config) {
      return spec == "auto" ? check_families(network, config)
                            : check_spec(text, spec, network, config);
    });
  }

  static Spec require(const Target& target, const std::string& name) {
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
      print_json(comparison_json(comparison, a, b));
    } else {
      print_comparison(comparison, a, b);
    }
    return comparison.differences.empty() ? 0 : 1;
  }

  static Json comparison_json(const SpecComparison& comparison, const Spec& a, const Spec& b) {
    Json json = {{"alike", comparison.alike}, {"differences", Json::array()}};
    for (const GroupDifference& each : comparison.differences) {
      Json entry = {{"only_a", each.only_a}, {"only_b", each.only_b}};
      if (each.a) entry["a"] = a.groups[*each.a].name;
      if (each.b) entry["b"] = b.groups[*each.b].name;
      json["differences"].push_back(std::move(entry));
    }
    return json;
  }

  void print_comparison(const SpecComparison& comparison, const Spec& a, const Spec& b) const {
    fmt::print("{} {} alike\n", comparison.alike, comparison.alike == 1 ? "group" : "groups");
    const auto list = [](const std::string& where, const std::vector<std::string>& places) {
      for (const std::string& place : places) fmt::print("    only in {}: {}\n", where, place);
    };
    for (const GroupDifference& each : comparison.differences) {
      if (each.a && each.b) {
        fmt::print("{} of {} is not {} of {}\n", described(a, *each.a), spec_,
                   described(b, *each.b), other_);
      } else {
        fmt::print("{} is in {} alone\n", each.a ? described(a, *each.a) : described(b, *each.b),
                   each.a ? spec_ : other_);
      }
      list(spec_, each.only_a);
      list(other_, each.only_b);
    }
  }

  static std::string described(const Spec& spec, std::uint32_t number) {
    const Group& group = spec.groups[number];
    std::string text = fmt::format("{} ({} units", group.name, group.size);
    if (group.outer) text += " in each of " + spec.groups[*group.outer].name;
    return text + (group.fixed ? ", fixed)" : ")");
  }

  int derive() const {
    const MappedFile file(graph_);
    const GraphFile graph(file.bytes(), graph_);
    const ModelDerivation found = Target(target_).derive(graph);
    const std::string text = derived_text(graph_, found);
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
    if (spec_ == "auto") {
      fmt::print("no shipped family fits {}:\n", target.path());
    } else {
      fmt::print("{} does not fit {}:\n", spec_, target.path());
    }
    for (const std::string& reason : reasons) fmt::print("  {}\n", reason);
    return 1;
  }

  Options* show_ = nullptr;
  Options* diff_ = nullptr;
  Options* derive_ = nullptr;
  std::string graph_;
  std::string output_;
  std::string target_ = "HEAD";
  std::string spec_;
  std::string other_;
  bool text_ = false;
  bool json_ = false;
};

const Registered<SpecCommand> kSpec("spec",
                                    "show, check or derive which hidden units can be reordered",
                                    "mgit spec show main\nmgit spec check net.perm "
                                    "main:model.safetensors\nmgit spec derive net.pt2 "
                                    "model.safetensors -o net.perm");

}  // namespace
}  // namespace mgit::cli
