#include "workflow/merge/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/os.h"
#include "base/process.h"
#include "format/shard_index.h"
#include "git/message_draft.h"
#include "model/model_line.h"
#include "model/model_merge.h"
#include "model/model_spec.h"
#include "workflow/adopt/adopt_on_merge.h"
#include "workflow/merge/carried_pick.h"
#include "workflow/merge/combine.h"
#include "workflow/merge/merge_evaluation.h"
#include "workflow/merge/merge_report.h"
#include "workflow/preconditions.h"
#include "workflow/repair_model.h"
#include "worktree/left_manifests.h"
#include "worktree/pending_checkout.h"

namespace mgit {
namespace {

constexpr int kClean = 0;
constexpr int kConflict = 1;
constexpr int kNotHandled = 2;

/// What git calls a head in this merge, for messages; a pull calls it by its full name only.
std::string head_name(const std::string& hex) {
  const char* name = std::getenv(("GITHEAD_" + hex).c_str());
  return name != nullptr && name != hex ? name : hex.substr(0, 10);
}

std::filesystem::path trailers_file(const Repository& repository) {
  return repository.git_dir() / "mgit" / "merge-trailers";
}

/// All files of a model, by path.
std::map<std::string, TreeFile> files_of(const CommittedModel& model, bool without_index = false) {
  std::map<std::string, TreeFile> files;
  if (model.index && !without_index) files[model.path] = *model.index;
  for (const CommittedCheckpoint& part : model.parts) files[part.path] = part.file;
  return files;
}

/// Do all sides deal the tensors out alike? Then the index is an ordinary file that git merges.
bool same_sharding(const Repository& repository, const ModelPlan& plan) {
  if (plan.home != 0 || plan.taken) return false;
  std::optional<ShardIndex> first;
  for (const SidePlan& side : plan.sides) {
    if (!side.model.index || side.model.path != plan.path) return false;
    ShardIndex index = parse_shard_index(repository.blob(side.model.index->blob), side.model.path);
    if (first && index != *first) return false;
    first = std::move(index);
  }
  return true;
}

/// What a merge leaves of a model, by path.
using PlacedFiles = std::map<std::string, TreeFile>;

/// One call of `git merge -s mgit`. Everything is decided and computed before index or working
/// tree change; a failure until then leaves both as they were.
class Strategy {
 public:
  Strategy(Workspace& repository, const StrategyCall& call)
      : repository_(repository), call_(call) {}

  int run() {
    if (call_.ours != "HEAD" || call_.theirs.empty()) return pick();
    if (!resolve()) return kNotHandled;
    MergeDecisions decisions = plan_models(repository_, ours_, sides_, call_.options);
    std::vector<ModelPlan>& plans = decisions.models;
    for (ModelPlan& plan : plans) settle_conflict(plan);
    for (const ModelPlan& plan : plans) refuse_if_changed(plan);
    for (const ModelPlan& plan : plans)
      if (call_.options.repair_with_data && plan.conflicts.empty() && !plan.taken)
        require_repair_setting(repository_, plan.home_model().path, repair_options());
    for (const std::string& note : decisions.notes) call_.say(note);
    const std::vector<PlacedFiles> results = compute_all(plans);
    int status = merge_files(plans);
    if (status > kConflict) return kNotHandled;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (plans[i].conflicts.empty()) {
        place(plans[i], results[i]);
        if (plans[i].taken) continue;
        for (const std::string& line :
             evaluate_merged(repository_, plans[i], plans[i].home_model().path))
          call_.say(line);
      } else {
        mark_conflict(plans[i]);
        status = kConflict;
      }
    }
    return status;
  }

 private:
  /// A rebase, cherry-pick or revert: a three-way pick, in which the merge driver keeps models
  /// apart.
  int pick() {
    std::vector<std::string> bases = call_.bases;
    std::vector<std::string> theirs = call_.theirs;
    if (const auto carried = carried_pick()) {
      for (const std::string& model : carried->models)
        call_.say(fmt::format("{}: carried into the basin that {} was rebased to", model,
                              head_name(call_.ours)));
      bases = {carried->base.hex()};
      theirs = {carried->theirs.hex()};
    }
    std::vector<std::string> command{"git", "merge-recursive"};
    command.insert(command.end(), call_.recursive_options.begin(), call_.recursive_options.end());
    command.insert(command.end(), bases.begin(), bases.end());
    command.insert(command.end(), {"--", call_.ours});
    command.insert(command.end(), theirs.begin(), theirs.end());
    return run_process(command, {.capture_output = false}).status;
  }

  std::optional<CarriedPick> carried_pick() {
    if (call_.bases.size() != 1 || call_.theirs.size() != 1) return std::nullopt;
    const auto base = commit_of(call_.bases.front());
    const auto ours = commit_of(call_.ours);
    const auto theirs = commit_of(call_.theirs.front());
    if (!base || !ours || !theirs) return std::nullopt;
    return carry_pick(repository_, *base, *ours, *theirs);
  }

  /// nullopt for a tree, which git takes for a base, too.
  std::optional<Oid> commit_of(const std::string& name) const {
    return repository_.resolve(name + "^{commit}");
  }

  /// False where mgit pull has to take something in first.
  bool resolve() {
    ours_ = repository_.require("HEAD");
    for (const std::string& theirs : call_.theirs) {
      const Oid commit = repository_.require(theirs);
      const auto bases = repository_.merge_bases(ours_, commit);
      if (bases.empty() && repository_.is_shallow())
        throw Error("no merge base in this shallow clone", head_name(theirs),
                    "git fetch --unshallow");
      if (bases.size() > 1)
        call_.say(fmt::format("note: {} merge bases; models use git's first, {}", bases.size(),
                              bases.front().brief()));
      if (refuse_raw_sides(repository_, ours_, commit,
                           bases.empty() ? std::nullopt : std::optional(bases.front()),
                           head_name(theirs)))
        return false;
      sides_.push_back(
          {commit, head_name(theirs), bases.empty() ? std::nullopt : std::optional(bases.front())});
    }
    return true;
  }

  /// -X ours and -X theirs settle conflicts of models, too.
  void settle_conflict(ModelPlan& plan) const {
    if (plan.conflicts.empty() || plan.sides.size() != 2) return;
    const auto given = [&](const char* option) {
      return std::find(call_.recursive_options.begin(), call_.recursive_options.end(), option) !=
             call_.recursive_options.end();
    };
    if (!given("--ours") && !given("--theirs")) return;
    plan.conflicts.clear();
    plan.home = given("--theirs") ? 1 : 0;
    plan.taken = plan.home;
  }

  void refuse_if_changed(const ModelPlan& plan) const {
    const PlacedFiles ours = files_of(plan.sides.front().model);
    std::vector<std::string> command{"git", "status", "--porcelain", "-uno", "--"};
    for (const auto& [path, file] : ours) command.push_back(":(literal,top)" + path);
    if (!run_checked(command, {.directory = repository_.work_dir().string()}).empty())
      throw Error("your local changes would be overwritten by the merge", plan.path,
                  "commit or stash them");
    for (const auto& [path, file] : files_of(plan.home_model()))
      if (!ours.contains(path) &&
          std::filesystem::exists(std::filesystem::symlink_status(repository_.work_dir() / path)))
        throw Error("an untracked file would be overwritten by the merge", path,
                    "move or remove it");
  }

  std::vector<PlacedFiles> compute_all(const std::vector<ModelPlan>& plans) {
    const auto batch = repository_.store().begin();
    std::vector<PlacedFiles> results;
    std::vector<std::pair<std::size_t, MergedModel>> repaired;  // by plan
    OperationRecord record;
    for (const ModelPlan& plan : plans) {
      if (!plan.conflicts.empty()) {
        call_.say(describe_conflict(plan));
        results.emplace_back();
      } else if (plan.taken) {
        call_.say(describe_taken(plan));
        results.push_back(taken_files(plan));
      } else {
        const MergedModel merged = combine(repository_, *batch, plan);
        for (const std::string& line : describe_merged(plan, merged)) call_.say(line);
        if (auto merge = merge_record(*batch, plan, merged))
          record.merges.push_back(*std::move(merge));
        results.push_back(merged_files(plan, merged));
        if (call_.options.repair_with_data && !record.merges.empty() &&
            record.merges.back().model == plan.home_model().path)
          repaired.emplace_back(results.size() - 1, merged);
      }
    }
    batch->commit();
    if (!repaired.empty()) repair(plans, repaired, results, record);
    std::string heads = "HEAD " + ours_.hex() + "\n";
    for (const MergeSide& side : sides_) heads += side.commit.hex() + "\n";
    os::create_directories(trailers_file(repository_).parent_path());
    os::write_file(trailers_file(repository_), as_bytes(heads + "\n" + note_text(record)));
    return results;
  }

  RepairOptions repair_options() const {
    return {.graph = call_.options.repair_graph, .data = call_.options.repair_data};
  }

  /// What was merged, fitted to data.
  void repair(const std::vector<ModelPlan>& plans,
              std::vector<std::pair<std::size_t, MergedModel>>& models,
              std::vector<PlacedFiles>& results, OperationRecord& record) {
    const auto batch = repository_.store().begin();
    const RepairOptions options = repair_options();
    for (auto& [index, merged] : models) {
      const ModelPlan& plan = plans[index];
      std::vector<std::unique_ptr<MergedSideSource>> sources;
      std::vector<RepairParent> parents;
      for (const SidePlan& side : plan.sides) {
        if (side.weight == 0) continue;
        sources.push_back(std::make_unique<MergedSideSource>(
            repository_, side.model, moves(side) ? &*plan.spec : nullptr,
            moves(side) ? &side.match->permutation : nullptr));
        parents.push_back({side.commit, side.model.path, *sources.back(), side.weight});
      }
      RepairedModel repaired =
          repair_model(repository_, *batch, ours_, with_parts(plan.home_model(), merged.parts),
                       parents, options);
      call_.say(fmt::format("{}: {}", plan.home_model().path, describe_repair(repaired)));
      merged.parts = std::move(repaired.parts);
      results[index] = merged_files(plan, merged);
      record.repairs.push_back(std::move(repaired.record));
    }
    batch->commit();
  }

  static PlacedFiles taken_files(const ModelPlan& plan) {
    const CommittedModel& taken = plan.sides[*plan.taken].model;
    if (plan.home == *plan.taken) return files_of(taken);
    return {{plan.home_model().path, taken.parts.front().file}};
  }

  PlacedFiles merged_files(const ModelPlan& plan, const MergedModel& merged) {
    const CommittedModel& home = plan.home_model();
    PlacedFiles files;
    if (home.index && !same_sharding(repository_, plan)) files[home.path] = *home.index;
    for (std::size_t i = 0; i < home.parts.size(); ++i)
      files[home.parts[i].path] = {repository_.write_blob(manifest_text(merged.parts[i])),
                                   home.parts[i].file.mode};
    return files;
  }

  /// git's recursive strategy over everything but the planned models: in the trees it is given,
  /// base and theirs hold ours there. Several heads are merged one after another.
  int merge_files(const std::vector<ModelPlan>& plans) {
    std::string ours = "HEAD";
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      const MergeSide& side = sides_[i];
      const Oid theirs = with_our_models(side.commit, plans);
      std::vector<std::string> command{"git", "merge-recursive"};
      command.insert(command.end(), call_.recursive_options.begin(), call_.recursive_options.end());
      bool changed = !side.base;
      for (const Oid& commit : repository_.merge_bases(ours_, side.commit)) {
        const Oid base = with_our_models(commit, plans);
        changed = changed || base != theirs;
        command.push_back(base.hex());
      }
      if (!changed) continue;  // git would say "Already up to date."
      command.insert(command.end(), {"--", ours, theirs.hex()});
      ProcessOptions options;
      options.directory = repository_.work_dir().string();
      options.capture_output = false;
      options.environment["GITHEAD_" + theirs.hex()] = side.name;
      const int status = run_process(command, options).status;
      if (status != kClean) return sides_.size() > 1 ? kNotHandled : status;
      if (i + 1 < sides_.size()) {
        ours = run_checked({"git", "write-tree"}, {.directory = options.directory});
        ours.pop_back();
      }
    }
    return kClean;
  }

  /// The commit's tree with the planned models as ours has them.
  Oid with_our_models(const Oid& commit, const std::vector<ModelPlan>& plans) {
    std::map<std::string, std::optional<TreeFile>> changes;
    for (const ModelPlan& plan : plans) {
      const bool leave_index = same_sharding(repository_, plan);
      for (const std::string& name : plan.paths)
        if (const auto there = past_model(repository_, commit, name))
          for (const auto& [path, file] : files_of(*there, leave_index))
            changes[path] = std::nullopt;
      for (const auto& [path, file] : files_of(plan.sides.front().model, leave_index))
        changes[path] = file;
    }
    const Oid tree = repository_.commit(commit).tree;
    return changes.empty() ? tree : repository_.write_tree(tree, changes);
  }

  /// git would hold a whole checkpoint in memory: it leaves manifests, and mgit replaces them.
  void check_out(const std::vector<std::string>& paths) {
    std::vector<std::string> command{"git", "checkout-index", "-f", "-u", "--"};
    command.insert(command.end(), paths.begin(), paths.end());
    ProcessOptions options;
    options.directory = repository_.work_dir().string();
    options.environment = leave_checkout_to_mgit(repository_);
    run_checked(command, options);
    for (const std::string& path : restore_left_manifests(repository_, paths).missing)
      fmt::print(
          stderr,
          "warning: {}: tensor objects are not here; left as a manifest; run 'mgit fetch' to "
          "get them\n",
          path);
    forget_pending(repository_);
  }

  /// Into index and working tree, in the place of what ours has.
  void place(const ModelPlan& plan, const PlacedFiles& files) {
    std::string lines;
    std::vector<std::string> paths;
    std::vector<std::filesystem::path> gone;
    for (const auto& [path, file] :
         files_of(plan.sides.front().model, same_sharding(repository_, plan))) {
      if (files.contains(path)) continue;
      lines += fmt::format("0 {:040}\t{}\n", 0, quote_name(path));
      gone.push_back(repository_.work_dir() / path);
    }
    for (const auto& [path, file] : files) {
      lines += fmt::format("{:o} {}\t{}\n", file.mode, file.blob.hex(), quote_name(path));
      paths.push_back(path);
    }
    update_index(lines);
    check_out(paths);
    for (const std::filesystem::path& file : gone) std::filesystem::remove(file);
  }

  /// Unmerged in the index, as git leaves a conflict; the working tree keeps ours.
  void mark_conflict(const ModelPlan& plan) {
    const bool leave_index = same_sharding(repository_, plan);
    std::map<std::string, std::array<std::optional<TreeFile>, 3>> stages;
    const auto add = [&](const std::optional<CommittedModel>& model, std::size_t stage) {
      if (model)
        for (const auto& [path, file] : files_of(*model, leave_index)) stages[path][stage] = file;
    };
    add(plan.base_model, 0);
    add(plan.sides[0].model, 1);
    add(plan.sides[1].model, 2);
    std::string lines;
    for (const auto& [path, files] : stages) {
      if (files[1] == files[2]) continue;
      const std::string name = quote_name(path);
      lines += fmt::format("0 {:040}\t{}\n", 0, name);
      for (std::size_t stage = 0; stage < files.size(); ++stage)
        if (const auto& file = files[stage])
          lines += fmt::format("{:o} {} {}\t{}\n", file->mode, file->blob.hex(), stage + 1, name);
    }
    update_index(lines);
  }

  void update_index(const std::string& lines) const {
    run_checked({"git", "update-index", "--index-info"},
                {.directory = repository_.work_dir().string(), .input = lines});
  }

  Workspace& repository_;
  const StrategyCall& call_;
  Oid ours_;
  std::vector<MergeSide> sides_;
};

}  // namespace

int run_merge_strategy(Workspace& repository, const StrategyCall& call) {
  return Strategy(repository, call).run();
}

void append_merge_trailers(Repository& repository, const std::filesystem::path& message_file,
                           std::string_view source) {
  const auto merge_head = repository.git_dir() / "MERGE_HEAD";
  const auto planned = trailers_file(repository);
  if (source != "merge" || !std::filesystem::exists(merge_head) ||
      !std::filesystem::exists(planned))
    return;
  const std::string plan = os::read_file(planned);
  const std::string heads =
      "HEAD " + repository.require("HEAD").hex() + "\n" + os::read_file(merge_head) + "\n";
  if (!plan.starts_with(heads)) return;
  const std::vector<Trailer> trailers = note_trailers(plan.substr(heads.size()));
  const std::string message = os::read_file(message_file);
  if (trailers.empty() || !parse_operation(operation_trailers(message)).merges.empty()) return;
  os::write_file(message_file, as_bytes(add_trailers(message, trailers, draft_rules(repository))));
}

void note_merge(Repository& repository) {
  const auto head = repository.head();
  if (!head) return;
  const Commit commit = repository.commit(*head);
  if (commit.parents.size() > 1 && parse_operation(operation_trailers(commit.message)).empty() &&
      std::filesystem::exists(trailers_file(repository))) {
    std::string heads;
    for (const Oid& parent : commit.parents)
      heads += (heads.empty() ? "HEAD " : "") + parent.hex() + "\n";
    const std::string plan = os::read_file(trailers_file(repository));
    const OperationRecord record =
        parse_operation(plan.starts_with(heads + "\n") ? note_trailers(plan.substr(heads.size()))
                                                       : std::vector<Trailer>());
    if (!record.empty() && !repository.note(kOperationNotes, *head))
      write_operation_notes(repository, {{*head, record}});
    return;
  }
  mirror_operation(repository, *head);
}

namespace {

/// A fast-forward must not leave manifests where models were.
void need_new_models(const Workspace& repository, const Oid& ours, const Oid& theirs) {
  for (const CommittedModel& there : repository.list_models(theirs).models) {
    const auto here = past_model(repository, ours, there.path);
    if (!here || !same_weights(*here, there)) repository.need(there, there.path);
  }
}

}  // namespace

MergeRoute choose_merge_route(Workspace& repository, const std::vector<std::string>& branches,
                              const MergeOptions& options, bool stashes) {
  require_quiet_worktree(repository, "merge",
                         stashes ? LocalChanges::kStashed : LocalChanges::kRefused);
  require_installed(repository);
  if (!repository.head_branch())
    throw Error("HEAD is detached: the merged model would belong to no branch", "HEAD",
                "git switch -c <branch>");
  const auto head = repository.head();
  std::vector<Oid> theirs;
  for (const std::string& branch : branches) theirs.push_back(repository.require(branch));
  if (!head) return MergeRoute::kFastForward;
  if (std::all_of(theirs.begin(), theirs.end(),
                  [&](const Oid& commit) { return repository.is_ancestor(commit, *head); }))
    return MergeRoute::kUpToDate;
  for (const Oid& commit : theirs)
    if (repository.merge_bases(*head, commit).empty() && repository.is_shallow())
      throw Error("no merge base in this shallow clone", "merge", "git fetch --unshallow");
  for (const Oid& commit : theirs) models_at(repository, commit);  // refuses broken ones
  const bool ahead = theirs.size() == 1 && repository.is_ancestor(*head, theirs.front());
  if (!ahead || options.combine || options.weighs()) return MergeRoute::kCombine;
  if (options.take != TakenSide::kTheirs &&
      rebased_to_be_combined(repository, *head, theirs.front()))
    return MergeRoute::kCombine;
  need_new_models(repository, *head, theirs.front());
  return MergeRoute::kFastForward;
}

}  // namespace mgit
