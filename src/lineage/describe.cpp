#include "lineage/describe.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <set>

namespace mgit {
namespace {

std::string date_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return "?";
  return fmt::format("{:%Y-%m-%d}", parts);
}

std::string evaluation_text(const EvaluationRecord& record) {
  const std::string accuracy =
      record.result.accuracy ? fmt::format(", accuracy {:.2f} %", 100 * *record.result.accuracy)
                             : "";
  return fmt::format("loss {:.4g}{} on {}", record.result.loss, accuracy,
                     record.data_name.empty() ? record.data.hex().substr(0, 10) : record.data_name);
}

/// "0.5" for 0.5, "0.3333" for 0.333333333333: what the trailer keeps in full.
std::string weights_text(const std::string& weights) {
  std::string text;
  for (std::size_t begin = 0; begin < weights.size();) {
    const std::size_t end = std::min(weights.find(' ', begin), weights.size());
    char* rest = nullptr;
    const std::string word = weights.substr(begin, end - begin);
    const double value = std::strtod(word.c_str(), &rest);
    text += ' ' + (*rest == '\0' ? fmt::format("{:.4g}", value) : word);
    begin = end + 1;
  }
  return text;
}

/// Draws the tree. A line of nodes stays in its column; the sides of a merge branch off it.
class Drawing {
 public:
  Drawing(Database& database, const std::vector<ModelNode>& nodes, bool colour)
      : database_(database), colour_(colour) {
    for (const ModelNode& node : nodes) nodes_[node.commit] = &node;
  }

  std::string draw(const Oid& tip) {
    pending_.push_back({tip, "", ""});
    while (!pending_.empty()) {
      const Piece piece = std::move(pending_.back());
      pending_.pop_back();
      line(piece.tip, piece.first, piece.margin);
    }
    return std::move(text_);
  }

 private:
  static constexpr const char* kHash = "\033[33m";
  static constexpr const char* kDim = "\033[2m";
  /// Sides that branch off further to the right stay in this column.
  static constexpr std::size_t kWidestMargin = 60;

  /// What is still to be drawn: a node and what follows below it in its column; `first` begins its
  /// first line, `margin` all others.
  struct Piece {
    Oid tip;
    std::string first;
    std::string margin;
  };

  std::string painted(const char* colour, const std::string& text) const {
    return colour_ ? colour + text + "\033[m" : text;
  }
  std::string hash(const Oid& id) const { return painted(kHash, id.brief()); }

  void line(Oid commit, std::string first, const std::string& margin) {
    for (;;) {
      const ModelNode& node = *nodes_.at(commit);
      const bool seen = !drawn_.insert(commit).second;
      text_ += fmt::format(
          "{}● {}  {}{}\n", first, hash(commit), node.subject,
          seen ? painted(kDim, "  (see above)")
               : painted(kDim, fmt::format("  {}, {}", node.author, date_text(node.time))));
      if (seen) return;
      for (const std::string& detail : details(node))
        text_ += margin + (node.from.empty() ? "    " : "│   ") + detail + "\n";
      if (node.from.empty()) return;
      if (node.from.size() > 1) return branches(node, margin);
      commit = node.from.front();
      first = margin;
    }
  }

  void branches(const ModelNode& node, const std::string& margin) {
    const bool narrow = margin.size() < kWidestMargin;
    for (std::size_t i = node.from.size(); i-- > 0;) {
      const bool last = i + 1 == node.from.size();
      pending_.push_back({node.from[i], margin + (last ? "╰─" : "├─"),
                          narrow ? margin + (last ? "  " : "│ ") : margin});
    }
  }

  std::vector<std::string> details(const ModelNode& node) {
    std::vector<std::string> lines;
    if (node.combines) {
      lines.push_back(merge_text(node));
    } else if (node.rebase) {
      lines.push_back(rebase_text(*node.rebase));
    } else if (node.back_to) {
      lines.push_back("back to " + hash(*node.back_to));
    } else if (node.replaces) {
      lines.push_back("trained on its own, in place of " + hash(*node.replaces));
    } else if (node.from.empty()) {
      lines.push_back("first of its line");
    } else {
      lines.push_back(step_text(node));
    }
    for (const EvaluationRecord& record : node.evaluations)
      lines.push_back(evaluation_text(record));
    return lines;
  }

  std::string merge_text(const ModelNode& node) const {
    if (!node.merge) return fmt::format("merged from {} models", node.from.size());
    const MergeRecord& merge = *node.merge;
    std::string text = merge.strategy == "none"
                           ? fmt::format("merged: tensors of {} models", node.from.size())
                           : fmt::format("merged: {} of {} models, weights{}", merge.strategy,
                                         node.from.size(), weights_text(merge.weights));
    if (merge.base == "none") text += ", no common base";
    if (const auto base = Oid::from_hex(merge.base)) text += ", base " + hash(*base);
    return text;
  }

  std::string rebase_text(const RebaseRecord& rebase) const {
    std::string text = "rebased";
    if (rebase.onto) text += " onto " + hash(*rebase.onto);
    text += fmt::format(" ({}, seed {}", rebase.method.empty() ? "method unknown" : rebase.method,
                        rebase.seed.empty() ? "unknown" : rebase.seed);
    for (const SpecRecord& spec : rebase.specs)
      text += fmt::format(", spec {}, proof {}", spec.spec.hex().substr(0, 10), spec.proof);
    text += ")";
    if (rebase.origin) text += " from " + hash(*rebase.origin);
    return text;
  }

  std::string step_text(const ModelNode& node) {
    const Oid before = node.from.front();
    const TensorChange change =
        tensor_change(database_, nodes_.at(before)->manifest, node.manifest);
    return fmt::format(
        "{} {}: {} of {} tensors changed",
        node.resemblance == Resemblance::kSameTraining ? "trained on from" : "changed from",
        hash(before), change.changed, change.tensors);
  }

  Database& database_;
  bool colour_;
  std::map<Oid, const ModelNode*> nodes_;
  std::set<Oid> drawn_;
  std::vector<Piece> pending_;  // the next one last
  std::string text_;
};

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json rebase_json(const RebaseRecord& rebase) {
  Json json;
  json["onto"] = rebase.onto ? Json(rebase.onto->hex()) : Json(nullptr);
  json["origin"] = rebase.origin ? Json(rebase.origin->hex()) : Json(nullptr);
  json["method"] = rebase.method;
  json["seed"] = rebase.seed;
  json["permutation"] = rebase.permutation ? Json(rebase.permutation->hex()) : Json(nullptr);
  json["specs"] = Json::array();
  for (const SpecRecord& spec : rebase.specs)
    json["specs"].push_back({{"spec", spec.spec.hex()}, {"proof", spec.proof}});
  return json;
}

Json evaluation_json(const EvaluationRecord& record) {
  Json json;
  json["commit"] = record.commit.hex();
  json["data"] = record.data.hex();
  json["data_name"] = record.data_name;
  json["loss_name"] = record.loss_name;
  json["loss"] = finite(record.result.loss);
  json["accuracy"] = record.result.accuracy ? finite(*record.result.accuracy) : Json(nullptr);
  json["samples"] = record.result.samples;
  json["recorded"] = record.recorded;
  return json;
}

const char* kind_of(const ModelNode& node) {
  if (node.combines) return "merge";
  if (node.rebase) return "rebase";
  if (node.back_to) return "returned";
  if (node.from.empty()) return "training";
  return node.resemblance == Resemblance::kSameTraining ? "continued" : "changed";
}

}  // namespace

std::string history_text(Database& database, const std::vector<ModelNode>& nodes,
                         const std::string& path, bool colour) {
  const std::string title = colour ? "\033[1m" + path + "\033[m" : path;
  return title + "\n" + Drawing(database, nodes, colour).draw(nodes.front().commit);
}

Json history_json(Database& database, const std::vector<ModelNode>& nodes,
                  const std::string& path) {
  std::map<Oid, Digest> manifests;
  for (const ModelNode& node : nodes) manifests[node.commit] = node.manifest;
  Json list = Json::array();
  for (const ModelNode& node : nodes) {
    Json json;
    json["commit"] = node.commit.hex();
    json["subject"] = node.subject;
    json["author"] = node.author;
    json["time"] = node.time;
    json["checkpoint"] = node.manifest.hex();
    json["kind"] = kind_of(node);
    json["from"] = Json::array();
    for (const Oid& from : node.from) json["from"].push_back(from.hex());
    if (node.replaces) json["replaces"] = node.replaces->hex();
    if (node.rebase) json["rebase"] = rebase_json(*node.rebase);
    if (node.combines && node.merge)
      json["merge"] = {{"strategy", node.merge->strategy},
                       {"weights", node.merge->weights},
                       {"base", node.merge->base}};
    if (!node.combines && !node.back_to && node.from.size() == 1) {
      const TensorChange change =
          tensor_change(database, manifests.at(node.from.front()), node.manifest);
      json["tensors"] = {{"all", change.tensors}, {"changed", change.changed}};
    }
    json["evaluations"] = Json::array();
    for (const EvaluationRecord& record : node.evaluations)
      json["evaluations"].push_back(evaluation_json(record));
    list.push_back(std::move(json));
  }
  return {{"path", path}, {"history", std::move(list)}};
}

}  // namespace mgit
