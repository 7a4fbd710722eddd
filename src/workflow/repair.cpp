#include "workflow/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/os.h"
#include "base/process.h"
#include "mgit/lineage.h"
#include "model/model_merge.h"
#include "model/model_spec.h"
#include "workflow/opened_model.h"
#include "workflow/preconditions.h"
#include "workflow/undo/operation_log.h"

namespace mgit {
namespace {

constexpr std::string_view kHeads = "refs/heads/";

/// The model that is meant, as HEAD has it.
CommittedModel model_of_head(const Repository& repository, const Oid& head,
                             const std::string& revision, const std::string& model_name) {
  const std::string name = revision.empty() ? "HEAD" : revision;
  const std::string commit = name.substr(0, name.find(':'));
  const CommittedModel model = require_model(repository, repository.require(commit),
                                             path_in_commit(repository, name, model_name), commit);
  auto here = repository.model_at(head, model.path);
  if (!here || !same_weights(*here, model))
    throw Error("HEAD has another model there, and a repair is a commit on HEAD", name,
                "git switch to a branch at " + commit + " first: git switch -c <branch> " + commit);
  return *std::move(here);
}

class RepairCommand {
 public:
  RepairCommand(Workspace& repository, const RepairOptions& options)
      : repository_(repository), options_(options) {}

  RepairResult run(const std::string& revision, const std::string& model_name) {
    require_quiet_worktree(repository_, "repair");
    const auto branch = repository_.head_branch();
    const auto head = repository_.head();
    if (!branch)
      throw Error("HEAD is detached: the repaired model would belong to no branch", "HEAD",
                  "git switch -c <branch>");
    if (!head) throw MissingError("there is no commit yet", "HEAD");
    head_ = *head;
    branch_ = *branch;
    result_.branch = branch_.substr(kHeads.size());
    const CommittedModel model = model_of_head(repository_, head_, revision, model_name);
    result_.path = model.path;
    find_parents();
    const auto batch = repository_.store().begin();
    result_.repaired = repair_model(repository_, *batch, head_, model, parents_, options_);
    batch->commit();
    write_commit(model);
    publish();
    return std::move(result_);
  }

 private:
  void find_parents() {
    if (options_.method == repair_method_name(RepairMethod::kStatistics)) return;
    merge_ = merge_behind(repository_, head_, result_.path);
    if (!merge_) return;
    result_.merged = true;
    for (const MergedSide& side : merge_->sides) {
      sources_.push_back(std::make_unique<MergedSideSource>(
          repository_, side.model, side.moved ? &side.moved->spec : nullptr,
          side.moved ? &side.moved->permutation : nullptr));
      parents_.push_back({side.commit, side.model.path, *sources_.back(), side.weight});
    }
  }

  void write_commit(const CommittedModel& model) {
    std::map<std::string, std::optional<TreeFile>> changes;
    for (std::size_t i = 0; i < model.parts.size(); ++i)
      changes[model.parts[i].path] =
          TreeFile{repository_.write_blob(manifest_text(result_.repaired.parts[i])),
                   model.parts[i].file.mode};
    const Oid tree = repository_.write_tree(repository_.commit(head_).tree, changes);
    if (tree == repository_.commit(head_).tree)
      throw Error("the repair changed nothing: the model is repaired with this data already",
                  result_.path);
    OperationRecord record;
    record.repairs.push_back(result_.repaired.record);
    result_.subject = fmt::format("Repair {} with data", result_.path);
    const std::string text = describe_repair(result_.repaired);
    result_.commit = repository_.write_commit(
        tree, {head_}, repository_.user(),
        with_trailers(fmt::format("{}\n\n{}.\n", result_.subject, text), trailers_for(record)));
    write_operation_notes(repository_, {{result_.commit, record}});
  }

  void publish() {
    run_checked({"git", "read-tree", "-m", "-u", head_.hex(), result_.commit.hex()},
                {.directory = repository_.work_dir().string()});
    repository_.update_ref(branch_, result_.commit, head_, "repair: " + result_.path);
    try {
      record_operation(repository_, {.what = "repair " + result_.path,
                                     .refs = {{branch_, head_, result_.commit}}});
    } catch (const Error& error) {
      result_.notes.push_back(fmt::format("mgit undo will not know of it ({})", error.what()));
    }
    Lineage(repository_).update();
  }

  Workspace& repository_;
  const RepairOptions& options_;
  Oid head_;
  std::string branch_;
  std::optional<ModelMerge> merge_;
  std::vector<std::unique_ptr<MergedSideSource>> sources_;
  std::vector<RepairParent> parents_;
  RepairResult result_;
};

}  // namespace

RepairResult repair(Workspace& repository, const std::string& revision,
                    const std::string& model_name, const RepairOptions& options) {
  return RepairCommand(repository, options).run(revision, model_name);
}

std::vector<std::string> offered_repairs(const Repository& repository) {
  const auto head = repository.head();
  if (!head) return {};
  const OperationRecord record = OperationReader(repository).of(repository.commit(*head));
  std::vector<std::string> lines;
  for (const MergeRecord& merge : record.merges)
    if (merge.strategy != "none" && record.repair_of(merge.model) == nullptr &&
        can_be_repaired(repository, merge.model))
      lines.push_back(
          fmt::format("hint: 'mgit repair' fits {} to the calibration data that .mgitconfig names",
                      merge.model));
  return lines;
}

}  // namespace mgit
