#include "workflow/rebase.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/os.h"
#include "base/process.h"
#include "mgit/lineage.h"
#include "model/adapter_base.h"
#include "model/continuation.h"
#include "model/model_spec.h"
#include "model/operation_record.h"
#include "model/permute_checkpoint.h"
#include "model/rewrite_checkpoint.h"
#include "model/training_state.h"
#include "workflow/git_hooks.h"
#include "workflow/match_models.h"
#include "workflow/preconditions.h"
#include "workflow/rebase_adapters.h"
#include "workflow/undo/operation_log.h"

namespace mgit {
namespace {

/// Checkpoints only, whatever an index says of them: a set may be broken on the way.
std::vector<CommittedCheckpoint> checkpoints_of(const Repository& repository, const Oid& commit) {
  std::vector<CommittedCheckpoint> checkpoints = repository.checkpoints_at(commit);
  for (const ModelConfig& config : repository.models(commit))
    std::erase_if(checkpoints, [&](const auto& each) {
      return each.path == config.data || each.path == config.calibration;
    });
  return checkpoints;
}

/// Which of the commits along a history change a checkpoint. Each tree is looked at once.
class CheckpointChanges {
 public:
  explicit CheckpointChanges(const Repository& repository) : repository_(repository) {}

  bool in(const Commit& commit) {
    const Files& here = files_of(commit.id, commit.tree);
    if (commit.parents.empty()) return !here.empty();
    const Oid& parent = commit.parents.front();
    return here != files_of(parent, repository_.commit(parent).tree);
  }

 private:
  using Files = std::vector<std::pair<std::string, Oid>>;  // path and blob

  const Files& files_of(const Oid& commit, const Oid& tree) {
    const auto [known, fresh] = by_tree_.try_emplace(tree);
    if (fresh)
      for (const CommittedCheckpoint& checkpoint : checkpoints_of(repository_, commit))
        known->second.emplace_back(checkpoint.path, checkpoint.file.blob);
    return known->second;
  }

  const Repository& repository_;
  std::map<Oid, Files> by_tree_;
};

/// One rebase under way.
class Rebase {
 public:
  Rebase(Workspace& repository, const RebaseOptions& options)
      : repository_(repository),
        options_(options),
        method_(require_method(options.matching.method)) {}

  RebaseResult run() {
    find_commits();
    if (range_.empty()) return std::move(result_);
    CheckpointChanges changes(repository_);
    if (std::none_of(range_.begin(), range_.end(),
                     [&changes](const Commit& commit) { return changes.in(commit); })) {
      result_.outcome = RebaseResult::Outcome::kNoModels;
      return std::move(result_);
    }
    match_models();
    const bool moved = std::any_of(result_.models.begin(), result_.models.end(),
                                   [](const RebasedModel& model) { return !model.in_basin; });
    if (options_.dry_run) {
      result_.outcome = RebaseResult::Outcome::kDryRun;
    } else if (!moved) {
      result_.outcome = RebaseResult::Outcome::kAlreadyInBasin;
    } else {
      if (options_.before_rewriting) options_.before_rewriting(result_);
      run_hook(repository_, "pre-rebase", {options_.onto, short_branch()});
      rewrite();
      publish();
    }
    return std::move(result_);
  }

 private:
  std::string short_branch() const {
    return result_.branch.substr(std::string_view("refs/heads/").size());
  }

  /// Of "origin/feature" what git switch would call it.
  std::string proposed_name() const {
    const std::size_t slash = options_.branch.find('/');
    const bool remote = repository_.ref("refs/remotes/" + options_.branch).has_value();
    return remote && slash != std::string::npos ? options_.branch.substr(slash + 1) : "<name>";
  }

  void find_commits() {
    if (!options_.dry_run) require_quiet_worktree(repository_, "rebase");
    const auto current = repository_.head_branch();
    if (options_.branch.empty()) {
      if (!current)
        throw Error(
            "HEAD is detached: there is no branch to rebase", "HEAD",
            "name it: mgit rebase <branch> onto <target>, or 'mgit switch -c <branch>' first");
      result_.branch = *current;
    } else {
      result_.branch = "refs/heads/" + options_.branch;
      if (!repository_.ref(result_.branch)) {
        repository_.require(options_.branch);  // says so if there is nothing of that name at all
        throw Error("not a branch, so it cannot be rebased", options_.branch,
                    fmt::format("make one: mgit branch {} {}", proposed_name(), options_.branch));
      }
    }
    if (repository_.checked_out_elsewhere(result_.branch))
      throw Error("the branch is checked out in another worktree", short_branch());
    checked_out_ = current == result_.branch;
    result_.target = repository_.require(options_.onto);
    result_.old_tip = result_.new_tip = repository_.require(result_.branch);
    if (repository_.merge_bases(result_.target, result_.old_tip).empty() &&
        repository_.is_shallow())
      throw Error("this shallow clone holds no common commit", short_branch(),
                  "git fetch --unshallow");
    for (const Oid& id : repository_.range(result_.target, result_.old_tip))
      range_.push_back(repository_.commit(id));
  }

  void match_models() {
    std::vector<CommittedModel> models;
    std::vector<CommittedModel> adapters;
    for (CommittedModel& theirs : models_at(repository_, result_.old_tip))
      (is_adapter(theirs) ? adapters : models).push_back(std::move(theirs));
    for (const CommittedModel& theirs : models) {
      const auto ours = repository_.model_at(result_.target, theirs.path);
      if (!ours || same_weights(*ours, theirs)) continue;
      result_.models.push_back(match_model(*ours, theirs));
      tips_.push_back(theirs);
    }
    bases_.resize(tips_.size());
    follow(adapters, models);
    if (result_.models.empty() && adapters.empty())
      throw Error(fmt::format("no model differs from {}", options_.onto), short_branch(),
                  "the same checkpoint path must hold a model on both sides");
  }

  /// Adapters have no units of their own: they go where their models go.
  void follow(const std::vector<CommittedModel>& adapters,
              const std::vector<CommittedModel>& models) {
    const bool moved = std::any_of(result_.models.begin(), result_.models.end(),
                                   [](const RebasedModel& model) { return !model.in_basin; });
    if (!moved || options_.leave_adapters) {
      for (const CommittedModel& adapter : adapters)
        result_.notes.push_back(
            fmt::format("{}: an adapter, which stays as it is{}", adapter.path,
                        moved ? "" : ": it lies in the basin of the model that it adapts"));
      return;
    }
    for (MovedAdapter& each : moved_adapters(repository_, result_.old_tip, result_.target, adapters,
                                             models, result_.models)) {
      RebasedModel follower;
      follower.path = each.adapter.path;
      follower.spec = std::move(each.carried.spec);
      follower.match.permutation = std::move(each.carried.permutation);
      follower.moves_with = result_.models[each.base].path;
      result_.models.push_back(std::move(follower));
      tips_.push_back(std::move(each.adapter));
      bases_.emplace_back(each.base);
    }
  }

  RebasedModel match_model(const CommittedModel& ours, const CommittedModel& theirs) {
    const std::vector<TensorInfo> infos = infos_of(theirs.manifest);
    const std::string prefix = weights_prefix(&repository_, result_.old_tip, theirs.path, infos);
    const std::string our_prefix =
        weights_prefix(&repository_, result_.target, ours.path, infos_of(ours.manifest));
    const std::vector<TensorInfo> weights = weights_under(infos, prefix);
    const std::vector<TensorInfo> our_weights = weights_under(infos_of(ours.manifest), our_prefix);
    const std::string branch = short_branch();
    require_same_network({options_.onto, our_weights}, {branch, weights}, theirs.path);
    if (!std::all_of(theirs.parts.begin(), theirs.parts.end(),
                     [](const auto& part) { return can_be_rewritten(part.manifest); }))
      throw Error("an npz archive, whose checksums a rebase would leave wrong", theirs.path,
                  "keep the model as safetensors");
    RebasedModel model;
    model.path = theirs.path;
    model.spec = choose_spec(&repository_, result_.old_tip, theirs.path, infos);
    require_proof(model.spec, theirs.path, options_.trust_spec || options_.dry_run);
    repository_.need(ours, options_.onto + ":" + ours.path);
    repository_.need(theirs, short_branch() + ":" + theirs.path);
    const auto our_file = open_model(repository_.store(), ours);
    const auto their_file = open_model(repository_.store(), theirs);
    const Spec spec = spec_of_weights(model.spec, prefix, weights);
    const WeightsModel a(*our_file, our_prefix);
    const WeightsModel b(*their_file, prefix);
    model.match = match_by(options_.matching, {&repository_, theirs.path, spec, a, b});
    model.in_basin = model.match.permutation.identity() || !worth_moving(model.match);
    return model;
  }

  /// New objects, permutation, spec and commits. Nothing points at them yet.
  void rewrite() {
    const auto batch = repository_.store().begin();
    const RebaseRecord record = write_records(*batch);
    for (const Commit& commit : range_) plan_commit(*batch, commit);
    batch->commit();
    for (const Commit& commit : range_) rewrite_commit(commit, record);
    write_operation_notes(repository_, notes_);
    result_.new_tip = rewritten_.at(result_.old_tip);
    result_.outcome = RebaseResult::Outcome::kRewritten;
  }

  /// Stores specs and permutations; returns what all rewritten commits record.
  RebaseRecord write_records(Store::Batch& batch) {
    std::vector<ModelPermutation> permutations;
    RebaseRecord record;
    record.onto = result_.target;
    record.method = method_.name;
    const MatchOptions& options = options_.matching.options;
    record.seed = fmt::format("{}", options.seed);
    record.weighting = weighting_name(options.weighting);
    if (options.order != GroupOrder::kRandom) record.order = order_name(options.order);
    for (const RebasedModel& model : result_.models) {
      if (model.in_basin) continue;
      const std::string text = spec_text(model.spec);
      const Digest spec = batch.put(as_bytes(text), 1);
      record.specs.push_back({spec, std::string(proof_name(model.spec.proof))});
      permutations.push_back({model.path, spec, model.spec.groups, model.match.permutation});
    }
    const std::string text = permutation_text(permutations);
    record.permutation = batch.put(as_bytes(text), 1);
    return record;
  }

  /// Permutes the commit's models that belong to the tip's line.
  void plan_commit(Store::Batch& batch, const Commit& commit) {
    for (std::size_t i = 0; i < result_.models.size(); ++i) {
      if (result_.models[i].in_basin) continue;
      const auto model = whole_model(commit, tips_[i].path);
      if (model && (bases_[i] ? follows(commit, i, *model) : belongs(commit, i, *model)))
        permute(batch, commit, i, *model);
    }
  }

  void leave(const Commit& commit, const std::string& why) {
    result_.notes.push_back(
        fmt::format("{} {}: {} and is left as it is", commit.id.brief(), commit.subject(), why));
  }

  /// nullopt also for a sharded set that is not complete in this commit.
  std::optional<CommittedModel> whole_model(const Commit& commit, const std::string& path) {
    try {
      return repository_.model_at(commit.id, path);
    } catch (const Error& error) {
      leave(commit, fmt::format("{} is broken ({})", path, error.what()));
      return std::nullopt;
    }
  }

  bool belongs(const Commit& commit, std::size_t index, const CommittedModel& model) {
    const auto [known, fresh] = belongs_.try_emplace({index, model_digest(model)}, false);
    if (!fresh) return known->second;
    const CommittedModel& tip = tips_[index];
    if (infos_of(model.manifest) != infos_of(tip.manifest))
      leave(commit, tip.path + " has another shape");
    else if (!continuation_.continues(model, tip))
      leave(commit, tip.path + " is another training");
    else
      known->second = true;
    return known->second;
  }

  /// An adapter moves in the commits in which its model does.
  bool follows(const Commit& commit, std::size_t index, const CommittedModel& adapter) {
    const std::size_t base = *bases_[index];
    const auto model = whole_model(commit, tips_[base].path);
    if (!model || !belongs(commit, base, *model)) return false;
    if (infos_of(adapter.manifest) == infos_of(tips_[index].manifest)) return true;
    leave(commit, tips_[index].path + " has another shape");
    return false;
  }

  void permute(Store::Batch& batch, const Commit& commit, std::size_t index,
               const CommittedModel& model) {
    const RebasedModel& rebased = result_.models[index];
    for (const CommittedCheckpoint& part : model.parts) {
      const auto known = permuted_.find({index, part.file.blob});
      if (known != permuted_.end()) {
        changes_[commit.id][part.path] = known->second;
        continue;
      }
      repository_.need(part.manifest, commit.id.brief() + ":" + part.path);
      const Manifest manifest = permute_checkpoint(repository_.store(), batch, part.manifest,
                                                   rebased.spec, rebased.match.permutation);
      const TreeFile file{repository_.write_blob(manifest_text(manifest)), part.file.mode};
      permuted_[{index, part.file.blob}] = file;
      changes_[commit.id][part.path] = file;
    }
  }

  void rewrite_commit(const Commit& commit, RebaseRecord rebase) {
    std::vector<Oid> parents;
    for (const Oid& parent : commit.parents) {
      const auto moved = rewritten_.find(parent);
      parents.push_back(moved != rewritten_.end() ? moved->second : parent);
    }
    const std::map<std::string, std::optional<TreeFile>>& changes = changes_[commit.id];
    if (changes.empty() && parents == commit.parents) {
      rewritten_[commit.id] = commit.id;
      return;
    }
    OperationRecord record = operations_.of(commit);
    std::string message = commit.message;
    if (!changes.empty()) {
      rebase.origin = commit.id;
      record.rebase = std::move(rebase);
      message = with_rebase(message, record);
    }
    const Oid tree = changes.empty() ? commit.tree : repository_.write_tree(commit.tree, changes);
    const Oid id = repository_.write_commit(tree, parents, commit.author, message);
    rewritten_[commit.id] = id;
    ++result_.rewritten;
    if (!record.empty()) notes_.emplace_back(id, std::move(record));
  }

  void publish() {
    const std::string origin = "refs/mgit/origin/" + result_.old_tip.hex();
    std::vector<RefMove> moves{{result_.branch, result_.old_tip, result_.new_tip}};
    if (!repository_.ref(origin)) {
      repository_.update_ref(origin, result_.old_tip, std::nullopt, "rebase: origin");
      moves.push_back({origin, std::nullopt, result_.old_tip});
    }
    os::write_file(repository_.git_dir() / "ORIG_HEAD", as_bytes(result_.old_tip.hex() + "\n"));
    if (checked_out_)
      run_checked({"git", "read-tree", "-m", "-u", result_.old_tip.hex(), result_.new_tip.hex()},
                  {.directory = repository_.work_dir().string()});
    repository_.update_ref(
        result_.branch, result_.new_tip, result_.old_tip,
        fmt::format("rebase (finish): {} onto {}", result_.branch, result_.target.hex()));
    try {
      const std::string what = fmt::format("rebase {} onto {}", short_branch(), options_.onto);
      record_operation(repository_, {.what = what, .refs = std::move(moves)});
    } catch (const Error& error) {
      result_.notes.push_back(fmt::format("mgit undo will not know of it ({})", error.what()));
    }
    std::string pairs;
    for (const auto& [from, to] : rewritten_)
      if (from != to) pairs += from.hex() + " " + to.hex() + "\n";
    run_hook(repository_, "post-rewrite", {"rebase"}, pairs);
    Lineage(repository_).update();
  }

  Workspace& repository_;
  const RebaseOptions& options_;
  const MatchingMethod& method_;
  RebaseResult result_;
  bool checked_out_ = false;
  std::vector<Commit> range_;
  std::vector<CommittedModel> tips_;                        // parallel to result_.models
  std::vector<std::optional<std::size_t>> bases_;           // of adapters among them: their models
  std::map<std::pair<std::size_t, Digest>, bool> belongs_;  // (model, digest) -> of the tip's line?
  std::map<std::pair<std::size_t, Oid>, TreeFile> permuted_;  // (model, blob) -> what replaces it
  std::map<Oid, std::map<std::string, std::optional<TreeFile>>> changes_;  // by commit
  std::map<Oid, Oid> rewritten_;
  std::vector<std::pair<Oid, OperationRecord>> notes_;
  OperationReader operations_{repository_};
  Continuation continuation_{repository_};
};

}  // namespace

RebaseResult rebase(Workspace& repository, const RebaseOptions& options) {
  return Rebase(repository, options).run();
}

}  // namespace mgit
