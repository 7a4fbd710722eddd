#include "workflow/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "base/process.h"
#include "base/progress.h"
#include "git/history_files.h"
#include "git/reachable.h"
#include "model/operation_record.h"
#include "workflow/verify/manifest_check.h"
#include "workflow/verify/verify_merge.h"
#include "workflow/verify/verify_rebase.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

constexpr std::size_t kAtOnce = 500;  // commits on one command line
constexpr const char* kLink = "120000";

class Verification {
 public:
  Verification(Workspace& repository, const VerifyRequest& request)
      : repository_(repository),
        request_(request),
        rebases_(repository, specs_),
        merges_(repository, specs_, request.limit),
        manifests_(repository, request.contents && request.remotes) {}

  VerifyReport run() {
    history_ = files_brought_by(repository_, request_.revisions);
    report_.commits = history_.commits.size();
    look_at_files();
    check_claims();
    for (std::string& line : manifests_.settle_missing(request_.remotes))
      report_.notes.push_back(std::move(line));
    if (request_.contents) read_objects();
    for (Finding& finding : manifests_.take_findings())
      report_.findings.push_back(std::move(finding));
    report_.manifests = manifests_.manifests();
    report_.objects = manifests_.objects();
    if (request_.signatures) check_signatures();
    return std::move(report_);
  }

 private:
  void look_at_files() {
    std::string listing;
    std::map<Oid, std::vector<const BroughtFile*>> by_blob;
    for (const BroughtFile& file : history_.files) {
      std::vector<const BroughtFile*>& places = by_blob[file.blob];
      if (places.empty()) listing += file.blob.hex() + "\n";
      places.push_back(&file);
    }
    std::vector<const BroughtFile*> others;
    Progress progress("reading manifests", by_blob.size());
    ReachableTexts(repository_).visit_listed(listing, [&](const ReachableText& text) {
      progress.advance();
      for (const BroughtFile* file : by_blob[text.id]) {
        manifests_.look_at(*file, text.text);
        if (looks_like_manifest(text.text) || text.text.empty()) continue;
        others.push_back(file);
        if (file->mode == kLink) links_.emplace(file, text.text);
      }
    });
    find_raw(others);
  }

  void find_raw(const std::vector<const BroughtFile*>& files) {
    if (history_.commits.empty() || files.empty()) return;
    std::vector<std::string> paths;
    for (const BroughtFile* file : files) paths.push_back(file->path);
    const std::vector<bool> ours = given_to_mgit(repository_, history_.commits.front(), paths);
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (!ours[i]) continue;
      const auto link = links_.find(files[i]);
      if (link == links_.end())
        report_.raw.push_back({files[i]->commit, files[i]->path});
      else if (leads_out(files[i]->path, link->second))
        report_.findings.push_back(
            {Verdict::kFailed, "manifest", files[i]->commit, files[i]->path,
             fmt::format("is a symbolic link to {}, outside of the repository", link->second)});
    }
  }

  static bool leads_out(const std::filesystem::path& link, const std::filesystem::path& target) {
    return target.is_absolute() ||
           *(link.parent_path() / target).lexically_normal().begin() == "..";
  }

  void check_claims() {
    std::deque<std::pair<Commit, std::vector<Trailer>>> claims;
    std::set<Oid> seen;
    const auto add = [&](const Oid& id) {
      if (!seen.insert(id).second) return;
      Commit commit = repository_.commit(id);
      std::vector<Trailer> trailers = operations_.trailers(commit);
      if (!trailers.empty() || commit.parents.size() > 1)
        claims.emplace_back(std::move(commit), std::move(trailers));
    };
    for (const Oid& id : history_.commits) add(id);
    Progress progress("verifying", claims.size());
    for (; !claims.empty(); claims.pop_front()) {
      const auto& [commit, trailers] = claims.front();
      check(commit, trailers);
      // What a commit was rewritten from may be a rebase itself.
      const auto rebase = parse_operation(trailers).rebase;
      if (rebase && rebase->origin && repository_.resolve(rebase->origin->hex() + "^{commit}"))
        add(*rebase->origin);
      progress.advance();
    }
  }

  void check(const Commit& commit, const std::vector<Trailer>& trailers) {
    const OperationRecord record = parse_operation(trailers);
    const auto take = [this](std::vector<Finding> findings) {
      std::move(findings.begin(), findings.end(), std::back_inserter(report_.findings));
    };
    const auto names = [&](std::string_view key) {
      return std::any_of(trailers.begin(), trailers.end(),
                         [&](const Trailer& trailer) { return trailer.key == key; });
    };
    if (record.rebase)
      take(rebases_.verify(commit, *record.rebase, trailers));
    else if (names("Mgit-Rebase") || names("Mgit-Origin") || names("Mgit-Permutation"))
      take({{Verdict::kFailed, "rebase", commit.id, "", "its record of a rebase cannot be read"}});
    if (record.rebase) return take(carried_records(commit, record));
    take(merges_.verify(commit, record));
    if (record.merges.empty() && names("Mgit-Merge"))
      take({{Verdict::kFailed, "merge", commit.id, "", "its record of a merge cannot be read"}});
    if (commit.parents.size() < 2) return;
    for (const std::string& path : merges_.unrecorded(commit, record))
      report_.notes.push_back(
          fmt::format("{} {}: a merge whose {} is no parent's, and it does not say how it came "
                      "to be",
                      commit.id.brief(), commit.subject(), path));
  }

  /// What a rebased commit says of merges and repairs was done to its origin, where it is verified.
  std::vector<Finding> carried_records(const Commit& commit, const OperationRecord& record) {
    const auto& origin = record.rebase->origin;
    if (!origin || !repository_.resolve(origin->hex() + "^{commit}")) return {};
    const OperationRecord there = operations_.of(repository_.commit(*origin));
    if (there.merges == record.merges && there.repairs == record.repairs) return {};
    return {{Verdict::kFailed, "merge", commit.id, "",
             fmt::format("it records another merge or repair than its origin {}, which it was "
                         "rewritten from",
                         origin->brief())}};
  }

  void read_objects() {
    const std::unordered_set<Digest> known =
        request_.only_new_contents ? objects_before() : std::unordered_set<Digest>();
    Progress progress("reading objects", manifests_.objects());
    manifests_.read_objects(known, [&progress] { progress.advance(); });
  }

  /// What the files named that those of this history took the place of.
  std::unordered_set<Digest> objects_before() const {
    std::set<Oid> brought;
    for (const BroughtFile& file : history_.files) brought.insert(file.blob);
    std::string listing;
    for (const BroughtFile& file : history_.files)
      if (file.before != Oid() && !brought.contains(file.before))
        listing += file.before.hex() + "\n";
    std::unordered_set<Digest> known;
    ReachableTexts(repository_).visit_listed(listing, [&known](const ReachableText& text) {
      if (!looks_like_manifest(text.text)) return;
      for (const Digest& object : objects_of(parse_manifest(text.text, "what was there before")))
        known.insert(object);
    });
    return known;
  }

  /// As `git verify-commit` judges, many commits a process.
  void check_signatures() {
    std::vector<std::string> names;
    for (const Oid& id : history_.commits) names.push_back(id.hex());
    for (std::size_t first = 0; first < names.size(); first += kAtOnce) {
      std::vector<std::string> command{"git", "show", "-s", "--no-show-signature",
                                       "--format=%H%x00%G?%x00%GS"};
      const auto begin = names.begin() + static_cast<std::ptrdiff_t>(first);
      command.insert(command.end(), begin,
                     begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, names.size() - first)));
      ProcessOptions options;
      options.environment["GIT_DIR"] = repository_.git_dir().string();
      options.capture_errors = true;
      std::istringstream lines(run_process(command, options).output);
      for (std::string line; std::getline(lines, line);) take_signature(line);
    }
  }

  void take_signature(const std::string& line) {
    std::istringstream fields(line);
    std::string id;
    std::string letter;
    std::string signer;
    std::getline(fields, id, '\0');
    std::getline(fields, letter, '\0');
    std::getline(fields, signer, '\0');
    const auto commit = Oid::from_hex(id);
    if (!commit || letter.empty() || letter == "N") return;
    const std::string state = letter == "G" || letter == "U" ? "good"
                              : letter == "B"                ? "BAD"
                              : letter == "E"                ? "not checked"
                                                             : "good, but its key is not any more";
    report_.signed_commits.push_back({*commit, state, signer});
    if (letter == "B")
      report_.findings.push_back(
          {Verdict::kFailed, "signature", *commit, "", "its signature is not of this commit"});
  }

  Workspace& repository_;
  const VerifyRequest& request_;
  OperationReader operations_{repository_};
  SpecJudge specs_{repository_};
  RebaseVerifier rebases_;
  MergeVerifier merges_;
  ManifestCheck manifests_;
  HistoryFiles history_;
  std::map<const BroughtFile*, std::string> links_;  // where symbolic links lead
  VerifyReport report_;
};

}  // namespace

std::size_t VerifyReport::count(Verdict verdict) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

VerifyReport verify(Workspace& repository, const VerifyRequest& request) {
  return Verification(repository, request).run();
}

}  // namespace mgit
