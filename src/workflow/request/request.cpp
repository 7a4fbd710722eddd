#include "workflow/request/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/markdown.h"
#include "base/words.h"
#include "mgit/lineage.h"
#include "model/model_line.h"
#include "model/operation_record.h"
#include "workflow/adopt/raw_arrivals.h"
#include "workflow/diff/diff_command.h"
#include "workflow/diff/diff_markdown.h"
#include "workflow/request/measured.h"
#include "workflow/verify/verify.h"

namespace mgit {
namespace {

constexpr std::string_view kBranchRefs = "refs/heads/";
constexpr std::string_view kRemoteRefs = "refs/remotes/";

// A comment of GitHub's holds 65536 characters.
constexpr std::size_t kRows = 120;  // of all tables of tensors
constexpr std::size_t kFiles = 20;
constexpr std::size_t kLineageLines = 40;  // of all models
constexpr std::size_t kFewest = 3;         // of each

/// "'a b'" where a shell would take the word apart.
std::string shell_word(const std::string& word) {
  const auto is_plain = [](unsigned char each) {
    return std::isalnum(each) != 0 ||
           std::string_view("/._-+=@%").find(static_cast<char>(each)) != std::string_view::npos;
  };
  if (!word.empty() && word.front() != '-' && std::ranges::all_of(word, is_plain)) return word;
  std::string quoted = "'";
  for (const char each : word) quoted += each == '\'' ? std::string("'\\''") : std::string(1, each);
  return quoted + "'";
}

/// The branch that a clone's remote calls its own, else main or master.
std::string default_base(const Repository& repository) {
  const auto head = repository.head_branch();
  for (const std::string name : {"origin/HEAD", "main", "master"})
    if (repository.resolve(name) && head != std::string(kBranchRefs) + name) return name;
  throw UsageError("which branch is this to be merged into?", "mgit request",
                   "name it: mgit request main");
}

/// "main", of "origin/main" too.
std::string local_name(const Repository& repository, const std::string& name) {
  const std::size_t slash = name.find('/');
  const bool remote = slash != std::string::npos &&
                      repository.ref(std::string(kRemoteRefs) + name) &&
                      !repository.ref(std::string(kBranchRefs) + name);
  const std::string local = remote ? name.substr(slash + 1) : name;
  return local == "HEAD" ? "main" : local;
}

class Request {
 public:
  Request(Workspace& repository, const RequestCall& call)
      : repository_(repository),
        call_(call),
        base_name_(call.base.empty() ? default_base(repository) : call.base),
        base_(repository.require(base_name_)),
        head_(repository.require("HEAD")) {
    const auto bases = repository.merge_bases(base_, head_);
    if (!bases.empty()) fork_ = bases.front();
    name_ = call.branch;
    const auto branch = repository.head_branch();
    if (name_.empty() && branch) name_ = branch->substr(kBranchRefs.size());
  }

  std::string run() {
    const std::vector<Oid> commits = repository_.range(fork_, head_);
    OperationReader operations(repository_);
    const auto rebases = std::ranges::count_if(commits, [&](const Oid& id) {
      return operations.of(repository_.commit(id)).rebase.has_value();
    });
    std::string text =
        fmt::format("## Models of {} for {}\n\n", shown_name(), markdown_code(base_name_));
    text += markdown_table(
        {"", "commit", ""},
        {{"base", code(base_), subject(base_)},
         {"fork", fork_ ? code(*fork_) : "–", fork_ ? subject(*fork_) : "no common history"},
         {"head", code(head_), subject(head_)}},
        3);
    text += fmt::format("\n{} from the fork to the head, {} rebased by mgit.\n\n",
                        counted(commits.size(), "commit"), rebases);
    for (const RawArrival& file : raw_arrivals(repository_, head_, fork_).files)
      text += fmt::format(
          "{} was committed without mgit, the file itself in place of its manifest, and is not "
          "compared here: `mgit adopt` takes it in.\n\n",
          markdown_code(quote_name(file.path)));
    const std::vector<CommittedModel> models = changed_models();
    if (models.empty()) return text + "No model differs from the fork.\n\n" + taking();
    Lineage lineage(repository_);
    lineage.update();
    const std::size_t lines = std::max(kFewest, kLineageLines / models.size());
    for (const CommittedModel& model : models) {
      text += "### " + markdown_code(quote_name(model.path)) + "\n\n#### Lineage\n\n" +
              markdown_block(newest_lines(lineage.describe(head_, false, model.path), lines)) +
              "\n";
      text += measured(repository_, lineage, asked_of(model));
    }
    return text + changes(rebases > 0 ? base_ : fork_.value_or(base_), rebases > 0) +
           verification() + taking();
  }

 private:
  static std::string code(const Oid& id) { return markdown_code(id.brief()); }
  std::string subject(const Oid& id) const {
    return markdown_code(repository_.commit(id).subject(), 100);
  }
  std::string shown_name() const { return name_.empty() ? code(head_) : markdown_code(name_); }

  std::vector<CommittedModel> changed_models() const {
    std::vector<CommittedModel> changed;
    for (CommittedModel& model : repository_.list_models(head_).models) {
      const auto before = fork_ ? past_model(repository_, *fork_, model.path) : std::nullopt;
      if (!before || !same_weights(*before, model)) changed.push_back(std::move(model));
    }
    return changed;
  }

  MeasuredModel asked_of(const CommittedModel& model) const {
    return {.path = model.path,
            .base = base_,
            .head = head_,
            .base_name = base_name_,
            .head_name = name_.empty() ? head_.brief() : name_,
            .in_base = past_model(repository_, base_, model.path).has_value(),
            .measure = call_.measure,
            .points = call_.points,
            .progress = call_.progress};
  }

  /// The history of a long training says enough at its end; a long subject at its beginning.
  static std::string newest_lines(const std::string& text, std::size_t most) {
    constexpr std::size_t kLongest = 200;
    std::istringstream lines(text);
    std::string result;
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      if (count == most) return result + "…\n";
      result += line.substr(0, kLongest) + (line.size() > kLongest ? "…\n" : "\n");
    }
    return result;
  }

  /// A rebase moved every unit: the change is to be seen from where it was rebased to.
  std::string changes(const Oid& from, bool rebased) {
    std::string text =
        fmt::format("### Changed layers\n\nFrom {} {} to the head.\n\n", code(from),
                    rebased ? "(" + markdown_code(base_name_) + ", whose basin the branch is in)"
                            : "(the fork)");
    const auto differences = checkpoint_differences(repository_, {from.hex(), head_.hex()});
    const std::size_t rows = std::max(kFewest, kRows / std::max(differences.size(), kFewest));
    for (std::size_t i = 0; i < std::min(differences.size(), kFiles); ++i)
      text += difference_markdown(differences[i], rows);
    if (differences.size() > kFiles)
      text += fmt::format("And {} more.\n\n", counted(differences.size() - kFiles, "checkpoint"));
    return text;
  }

  /// What the branch's commits claim of their models, checked.
  std::string verification() {
    constexpr std::size_t kFindings = 20;
    std::string text = "### Verification\n\n";
    VerifyRequest request;
    request.revisions = {base_.hex() + ".." + head_.hex()};
    VerifyReport report;
    try {
      report = verify(repository_, request);
    } catch (const Error& error) {
      return text + "Not done: " + markdown_code(error.what(), 400) + "\n\n";
    }
    text += fmt::format("`mgit verify {}..{}`: {}, {} proven, {} failed, {} unchecked.\n\n",
                        base_.brief(), head_.brief(), counted(report.commits, "commit"),
                        report.count(Verdict::kProven), report.count(Verdict::kFailed),
                        report.count(Verdict::kMissing) + report.count(Verdict::kUnproved));
    std::vector<std::vector<std::string>> rows;
    for (const Finding& finding : report.findings)
      if (rows.size() < kFindings)
        rows.push_back({std::string(verdict_word(finding.verdict)), finding.kind,
                        code(finding.commit), markdown_code(quote_name(finding.path)),
                        markdown_code(finding.what, 300)});
    if (!rows.empty())
      text += markdown_table({"", "claim", "commit", "model", "found"}, rows, 5) + "\n";
    if (report.findings.size() > kFindings)
      text += fmt::format("And {} more.\n\n", report.findings.size() - kFindings);
    return text;
  }

  std::string taking() const {
    const std::string base = local_name(repository_, base_name_);
    const std::string theirs = name_.empty() ? head_.hex() : "origin/" + name_;
    return "### Taking it\n\n" +
           markdown_block(fmt::format("mgit fetch origin\n"
                                      "git switch {}\n"
                                      "mgit diff {}...{}\n"
                                      "mgit merge {}    # mgit undo takes it back\n",
                                      shell_word(base), shell_word(base), shell_word(theirs),
                                      shell_word(theirs)),
                          "sh") +
           "\nWhere the branch is another repository's, `git remote add` it, and name it in place "
           "of "
           "`origin`.\n";
  }

  Workspace& repository_;
  const RequestCall& call_;
  std::string base_name_;
  Oid base_;
  Oid head_;
  std::optional<Oid> fork_;
  std::string name_;  // empty: none, HEAD is detached
};

}  // namespace

std::string request_markdown(Workspace& repository, const RequestCall& call) {
  return Request(repository, call).run();
}

}  // namespace mgit
