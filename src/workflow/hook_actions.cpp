#include "workflow/hook_actions.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "base/process.h"
#include "git/install.h"
#include "mgit/lineage.h"
#include "mgit/remote.h"
#include "model/model_line.h"
#include "model/model_spec.h"
#include "model/operation_record.h"
#include "workflow/adopt/adopt_on_merge.h"
#include "workflow/exchange/exchange.h"
#include "workflow/mend_manifests.h"
#include "workflow/merge/merge.h"
#include "workflow/merge/merge_limits.h"
#include "workflow/repair.h"
#include "workflow/staged_checks.h"
#include "workflow/undo/git_operations.h"
#include "workflow/verify/receive.h"
#include "worktree/attributes.h"
#include "worktree/pending_checkout.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

/// True if the merge under way, if there is one, keeps to the limits of .mgitconfig.
bool keeps_limits(Workspace& repository, const Say& say) {
  const std::vector<std::string> problems = past_merge_limits(repository);
  for (const std::string& problem : problems) say("error: " + problem);
  return problems.empty();
}

int pre_merge_commit(Workspace& repository, const Say& say) {
  if (keeps_limits(repository, say)) return 0;
  say("hint: git commit --no-verify commits it anyway, git merge --abort gives it up");
  return 1;
}

int pre_commit(Workspace& repository, const Say& say) {
  const StagedFindings findings = check_staged(repository);
  for (const std::string& note : findings.notes) say(note);
  for (const std::string& warning : findings.warnings) say("warning: " + warning);
  for (const std::string& problem : findings.problems) say("error: " + problem);
  const bool keeps = keeps_limits(repository, say);
  if (findings.problems.empty() && keeps) return 0;
  if (!findings.hint.empty()) say("hint: " + findings.hint);
  say("hint: git commit --no-verify commits it anyway");
  return 1;
}

/// Lines of "<local ref> <local id> <remote ref> <remote id>" (githooks(5)).
std::vector<PushedRef> pushed_refs(const std::string& input) {
  std::vector<PushedRef> refs;
  std::istringstream lines(input);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string local_ref;
    std::string local;
    std::string remote_ref;
    std::string remote;
    fields >> local_ref >> local >> remote_ref >> remote;
    const auto id = Oid::from_hex(local);
    if (!id || *id == Oid{}) continue;
    auto there = Oid::from_hex(remote);
    if (there == Oid{}) there.reset();
    refs.push_back({*id, there});
  }
  return refs;
}

int pre_push(Workspace& repository, const std::vector<std::string>& arguments,
             const std::string& input, const Say& say) {
  if (arguments.size() < 2) throw UsageError("expects a remote and its URL", "mgit hook pre-push");
  const std::vector<PushedRef> refs = pushed_refs(input);
  if (were_sent(repository, arguments[1], refs)) return 0;
  send_models(repository, arguments[0], arguments[1], refs, push_scope(repository), say);
  return 0;
}

ReceivedRef received_ref(const std::string& name, const std::string& now) {
  auto id = Oid::from_hex(now);
  if (id == Oid{}) id.reset();
  return {name, id};
}

/// Lines of "<old id> <new id> <ref>" (githooks(5)).
std::vector<ReceivedRef> received_refs(const std::string& input) {
  std::vector<ReceivedRef> refs;
  std::istringstream lines(input);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string before;
    std::string now;
    std::string name;
    fields >> before >> now >> name;
    refs.push_back(received_ref(name, now));
  }
  return refs;
}

std::vector<ReceivedRef> updated_ref(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) throw UsageError("expects a ref and two names", "mgit hook update");
  return {received_ref(arguments[0], arguments[2])};
}

/// True if git's last move of HEAD was a fast-forward.
bool was_fast_forward(const Repository& repository) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.capture_errors = true;
  return run_process({"git", "log", "-g", "-1", "--format=%gs", "HEAD"}, options)
             .output.find("Fast-forward") != std::string::npos;
}

bool has_merge_of_models(const Repository& repository, const Oid& from, const Oid& to) {
  OperationReader operations(repository);
  const std::vector<Oid> commits = repository.range(from, to);
  return std::any_of(commits.begin(), commits.end(), [&](const Oid& id) {
    return !operations.of(repository.commit(id)).merges.empty();
  });
}

/// A fast-forward takes their model in place of ours; that is right only if theirs was trained on
/// from ours or holds ours already.
bool is_replaced(Workspace& repository, const Oid& before, const Oid& now,
                 const CommittedModel& old) {
  const auto fresh = past_model(repository, now, old.path);
  if (!fresh || same_weights(old, *fresh)) return false;
  if (infos_of(old.manifest) != infos_of(fresh->manifest)) return false;  // plainly another network
  return !line_holds(repository, old, *fresh, recorded_since(repository, before, now, old.path));
}

void warn_of_replaced_models(Workspace& repository, const Say& say) {
  const auto before = repository.resolve("ORIG_HEAD");
  const auto now = repository.head();
  if (!before || !now || !was_fast_forward(repository) ||
      has_merge_of_models(repository, *before, *now))
    return;
  bool replaced = false;
  for (const CommittedModel& old : repository.list_models(*before).models) {
    if (!is_replaced(repository, *before, *now, old)) continue;
    say(fmt::format("warning: {}: replaced by an independently trained model, not combined with it",
                    old.path));
    replaced = true;
  }
  if (replaced) say("hint: mgit undo, then mgit merge --combine, combines them");
}

/// After a commit past the pre-commit hook, the first one at that; or one that brings attributes:
/// what git put into the working tree before it had them (git stash -u) becomes checkpoints.
void look_after_attributes(const Workspace& repository, const Say& say) {
  const auto head = repository.head();
  if (!head) return;
  if (const auto attributes = repository.file_at(*head, ".gitattributes")) {
    const std::vector<Oid> parents = repository.commit(*head).parents;
    if (parents.empty() || repository.file_at(parents.front(), ".gitattributes") != attributes)
      mend_all_manifests(repository, say);
    return;
  }
  if (repository.work_dir().empty() || tracked_patterns(repository).empty()) return;
  const std::vector<std::string> lost = manifests_without_attribute(repository, *head);
  if (lost.empty()) return;
  say(
      fmt::format("warning: {}: committed without the .gitattributes that gives {} to mgit; a "
                  "clone will have the manifest's text there",
                  lost.front(), lost.size() == 1 ? "it" : "it and others"));
  say("hint: git add .gitattributes, then git commit --amend --no-edit");
}

/// git carries notes along where notes.rewriteRef says so; a repository where mgit was installed
/// before it set that does not.
void carry_records(const Repository& repository, const std::string& input) {
  if (!repository.ref(kOperationNotes)) return;
  std::map<Oid, std::string> noted;
  for (auto& [commit, text] : repository.notes(kOperationNotes)) noted.emplace(commit, text);
  std::vector<std::pair<Oid, OperationRecord>> records;
  std::istringstream lines(input);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string before;
    std::string after;
    words >> before >> after;
    const auto from = Oid::from_hex(before);
    const auto to = Oid::from_hex(after);
    if (!from || !to || !noted.contains(*from) || noted.contains(*to)) continue;
    records.emplace_back(*to, parse_operation(note_trailers(noted.at(*from))));
  }
  write_operation_notes(repository, records);
}

int act(Workspace& repository, const std::string& name, const std::vector<std::string>& arguments,
        const std::string& input, const Say& say) {
  if (name == "pre-commit") return pre_commit(repository, say);
  if (name == "pre-merge-commit") return pre_merge_commit(repository, say);
  if (name == "pre-push") return pre_push(repository, arguments, input, say);
  if (name == "pre-receive") return check_received(repository, received_refs(input), say);
  if (name == "update") return check_received(repository, updated_ref(arguments), say);
  if (name == "prepare-commit-msg") {
    if (!arguments.empty())
      append_merge_trailers(repository, arguments[0], arguments.size() > 1 ? arguments[1] : "");
    return 0;
  }
  if (name == "post-merge" && (arguments.empty() || arguments[0] != "1"))
    warn_of_replaced_models(repository, say);
  if (name == "post-merge" || name == "post-commit") note_merge(repository);
  if (name == "post-rewrite") carry_records(repository, input);
  if (record_git_operation(repository, name, arguments)) {
    const bool rebase = name == "post-rewrite";
    say(fmt::format("hint: 'mgit undo' takes this {} back", rebase ? "rebase" : "merge"));
    if (!rebase)
      for (const std::string& line : offered_repairs(repository)) say(line);
  }
  if (name == "post-commit") look_after_attributes(repository, say);
  if (name == "post-checkout" && arguments.size() > 2 && !leaves_checkout_to_mgit(repository))
    mend_moved(repository, arguments[0], arguments[1], arguments[2] == "1", say);
  if (name == "post-merge") {
    mend_moved(repository, "ORIG_HEAD", "HEAD", true, say);
    if (std::getenv(kRawRefusal) == nullptr)  // mgit pull takes it in
      say_raw_arrivals(repository, "ORIG_HEAD", "HEAD", say);
  }
  if (name.starts_with("post-")) Lineage(repository).update();
  return 0;
}

/// Objects that were not sent, a push that was not checked, a merge that is committed without its
/// record.
bool cannot_be_made_up_for(const std::string& hook, const std::vector<std::string>& arguments) {
  return hook == "pre-push" || hook == "pre-receive" || hook == "update" ||
         (hook == "prepare-commit-msg" && arguments.size() > 1 && arguments[1] == "merge");
}

}  // namespace

bool hook_has_input(const std::string& name) {
  return name == "pre-push" || name == "post-rewrite" || name == "pre-receive";
}

int run_hook_action(const std::string& name, const std::vector<std::string>& arguments,
                    const std::string& input, const Say& say) {
  try {
    Workspace repository = Workspace::discover();
    const bool server = name == "pre-receive" || name == "update";
    if (!server && installed(repository) == Installed::kNot) return 0;
    repository.set_fetcher(fetch_objects);
    return act(repository, name, arguments, input, say);
  } catch (const Error& error) {
    if (cannot_be_made_up_for(name, arguments)) throw;
    say(fmt::format("warning: mgit's {} hook: {}{}", name,
                    error.where().empty() ? "" : error.where() + ": ", error.what()));
    return 0;
  }
}

}  // namespace mgit
