// mgit verify: what a history says of its models, checked.
#include "workflow/verify/verify.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/words.h"
#include "cli/command.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

constexpr int kSomethingFailed = 1;
constexpr int kNotAllChecked = 2;

class Verify : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "For each commit: is its rebase a permutation of the commit that it was rewritten "
        "from, by the recorded permutation and by a spec that may move what it moves; does "
        "its merge, or its repair, follow from its record, bit for bit; do manifests and "
        "objects agree. Nothing is matched anew. Objects are looked up, and those read that "
        "a rebase or a merge needs; --objects reads all of them and compares them with their "
        "names.\n\nA line for each claim: 'proven'; 'FAILED' with what is wrong; or "
        "'unchecked', where objects are not here, or where it takes data that the repository "
        "does not hold. The status is 0 if all is proven, 1 if something failed, 2 if "
        "nothing failed and something is unchecked.\n\n--json prints one object: commits, "
        "manifests, objects, proven, failed, unchecked, findings (verdict, why, kind, "
        "commit, path, tensor, what), signatures (commit, state, signer), raw (commit, path) "
        "and notes.");
    options.arguments("revisions", revisions_,
                      "REV, A..B, ^REV: the commits to look at; default: all of HEAD's history");
    options.flag("--all", all_, "the history of all refs");
    options.flag("--objects", request_.contents, "read every object, and compare it with its name");
    options.flag("--json", json_, "print the result as JSON");
  }

  int run() override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    for (const std::string& revision : revisions_)
      if (revision.starts_with("-")) throw UsageError("not a revision", revision);
    if (all_) revisions_.emplace_back("--all");
    if (!revisions_.empty()) request_.revisions = revisions_;
    const VerifyReport report = verify(repository, request_);
    if (json_)
      print_json(report);
    else
      print(repository, report);
    if (report.count(Verdict::kFailed) > 0) return kSomethingFailed;
    return unchecked(report) > 0 ? kNotAllChecked : 0;
  }

 private:
  static std::size_t unchecked(const VerifyReport& report) {
    return report.count(Verdict::kMissing) + report.count(Verdict::kUnproved);
  }

  static void print(const Repository& repository, const VerifyReport& report) {
    for (const Finding& finding : report.findings)
      fmt::print("{:<9}  {} {}{}: {}{}\n", verdict_word(finding.verdict), finding.commit.brief(),
                 finding.kind, finding.path.empty() ? "" : " of " + quote_name(finding.path),
                 finding.what,
                 finding.verdict == Verdict::kProven
                     ? ""
                     : fmt::format(" ({})", repository.commit(finding.commit).subject()));
    for (const SignedCommit& each : report.signed_commits)
      fmt::print("signed     {} {}{}\n", each.commit.brief(), each.state,
                 each.signer.empty() ? "" : ", by " + each.signer);
    for (const RawCheckpoint& each : report.raw)
      fmt::print(stderr, "note: {} {}: the file itself, not a manifest\n", each.commit.brief(),
                 quote_name(each.path));
    for (const std::string& note : report.notes) fmt::print(stderr, "note: {}\n", note);
    fmt::print("{}, {}, {}: {} proven, {} failed, {} unchecked\n",
               counted(report.commits, "commit"), counted(report.manifests, "manifest"),
               counted(report.objects, "object"), report.count(Verdict::kProven),
               report.count(Verdict::kFailed), unchecked(report));
  }

  static Json json_of(const Finding& finding) {
    Json json{{"verdict", finding.verdict == Verdict::kProven   ? "proven"
                          : finding.verdict == Verdict::kFailed ? "failed"
                                                                : "unchecked"},
              {"kind", finding.kind},
              {"commit", finding.commit.hex()},
              {"path", finding.path},
              {"what", finding.what}};
    if (finding.verdict == Verdict::kMissing) json["why"] = "objects are missing";
    if (finding.verdict == Verdict::kUnproved) json["why"] = "what it takes is not here";
    if (!finding.tensor.empty()) json["tensor"] = finding.tensor;
    return json;
  }

  static void print_json(const VerifyReport& report) {
    Json json{{"commits", report.commits},
              {"manifests", report.manifests},
              {"objects", report.objects},
              {"proven", report.count(Verdict::kProven)},
              {"failed", report.count(Verdict::kFailed)},
              {"unchecked", unchecked(report)}};
    json["findings"] = Json::array();
    for (const Finding& finding : report.findings) json["findings"].push_back(json_of(finding));
    json["signatures"] = Json::array();
    for (const SignedCommit& each : report.signed_commits)
      json["signatures"].push_back(
          Json{{"commit", each.commit.hex()}, {"state", each.state}, {"signer", each.signer}});
    json["raw"] = Json::array();
    for (const RawCheckpoint& each : report.raw)
      json["raw"].push_back(Json{{"commit", each.commit.hex()}, {"path", each.path}});
    json["notes"] = report.notes;
    fmt::print("{}\n", json.dump());
  }

  VerifyRequest request_;
  std::vector<std::string> revisions_;
  bool all_ = false;
  bool json_ = false;
};

const Registered<Verify> kVerify(
    "verify", "prove what rebases, merges and repairs say they did; status 1 if something is wrong",
    "mgit verify\nmgit verify main..feature --objects\nmgit verify --all --json");

}  // namespace
}  // namespace mgit::cli
