#include "workflow/merge.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/os.h"
#include "base/process.h"
#include "workflow/preconditions.h"

namespace mgit {
namespace {

constexpr int kClean = 0;
constexpr int kConflict = 1;
constexpr int kNotHandled = 2;

/// What git calls a head in this merge, for messages.
std::string head_name(const std::string& hex) {
  const char* name = std::getenv(("GITHEAD_" + hex).c_str());
  return name != nullptr ? name : hex.substr(0, 10);
}

std::filesystem::path trailers_file(const Repository& repository) {
  return repository.git_dir() / "mgit" / "merge-trailers";
}

class Strategy {
 public:
  Strategy(Repository& repository, const StrategyCall& call)
      : repository_(repository), call_(call) {}

  int run() {
    if (call_.ours != "HEAD" || call_.theirs.empty()) return pick();
    resolve();
    const std::vector<ModelPlan> plans = plan_models(repository_, ours_, sides_, call_.options);
    for (const ModelPlan& plan : plans) refuse_if_changed(plan.path);
    for (const ModelPlan& plan : plans) call_.say(describe_plan(plan));
    const std::vector<Manifest> results = combine_all(plans);
    int status = merge_files(plans);
    if (status > kConflict) return kNotHandled;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (plans[i].conflicts.empty()) {
        place(plans[i], results[i]);
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
  int pick() const {
    std::vector<std::string> command{"git", "merge-recursive"};
    command.insert(command.end(), call_.recursive_options.begin(), call_.recursive_options.end());
    command.insert(command.end(), call_.bases.begin(), call_.bases.end());
    command.insert(command.end(), {"--", call_.ours});
    command.insert(command.end(), call_.theirs.begin(), call_.theirs.end());
    return run_process(command, {.capture_output = false}).status;
  }

  void resolve() {
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
      sides_.push_back(
          {commit, head_name(theirs), bases.empty() ? std::nullopt : std::optional(bases.front())});
    }
  }

  void refuse_if_changed(const std::string& path) const {
    const std::string changed =
        run_checked({"git", "status", "--porcelain", "-uno", "--", ":(literal,top)" + path},
                    {.directory = repository_.work_dir().string()});
    if (!changed.empty())
      throw Error("your local changes would be overwritten by the merge", path,
                  "commit or stash them");
  }

  std::vector<Manifest> combine_all(const std::vector<ModelPlan>& plans) {
    const auto batch = repository_.store().begin();
    std::vector<Manifest> results;
    std::string trailers;
    for (const ModelPlan& plan : plans) {
      results.emplace_back();
      if (!plan.conflicts.empty()) continue;
      results.back() = combine(repository_, *batch, plan);
      trailers += record_plan(*batch, plan);
    }
    batch->commit();
    std::string heads = "HEAD " + ours_.hex() + "\n";
    for (const MergeSide& side : sides_) heads += side.commit.hex() + "\n";
    std::filesystem::create_directories(trailers_file(repository_).parent_path());
    os::write_file(trailers_file(repository_), as_bytes(heads + "\n" + trailers));
    return results;
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

  /// The commit's tree with ours' checkpoints at the planned paths.
  Oid with_our_models(const Oid& commit, const std::vector<ModelPlan>& plans) {
    std::map<std::string, std::optional<TreeFile>> changes;
    for (const ModelPlan& plan : plans) changes[plan.path] = repository_.file_at(ours_, plan.path);
    const Oid tree = repository_.commit(commit).tree;
    return changes.empty() ? tree : repository_.write_tree(tree, changes);
  }

  void place(const ModelPlan& plan, const Manifest& result) {
    const Oid blob = repository_.write_blob(manifest_text(result));
    update_index(fmt::format("{:o} {}\t{}\n", plan.mode, blob.hex(), quote_name(plan.path)));
    run_checked({"git", "checkout-index", "-f", "-u", "--", plan.path},
                {.directory = repository_.work_dir().string()});
  }

  /// Unmerged in the index, as git leaves a conflict; the working tree keeps ours.
  void mark_conflict(const ModelPlan& plan) {
    const std::string name = quote_name(plan.path);
    std::string stages = fmt::format("0 {:040}\t{}\n", 0, name);
    const auto add = [&](const std::optional<Oid>& commit, int stage) {
      const auto file = commit ? repository_.file_at(*commit, plan.path) : std::nullopt;
      if (file)
        stages += fmt::format("{:o} {} {}\t{}\n", file->mode, file->blob.hex(), stage, name);
    };
    add(sides_.front().base, 1);
    add(ours_, 2);
    add(sides_.front().commit, 3);
    update_index(stages);
  }

  void update_index(const std::string& lines) const {
    run_checked({"git", "update-index", "--index-info"},
                {.directory = repository_.work_dir().string(), .input = lines});
  }

  Repository& repository_;
  const StrategyCall& call_;
  Oid ours_;
  std::vector<MergeSide> sides_;
};

}  // namespace

int run_merge_strategy(Repository& repository, const StrategyCall& call) {
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
  const std::string trailers = plan.substr(heads.size());
  const std::string message = os::read_file(message_file);
  if (trailers.empty() || message.find("\nMgit-Merge: ") != std::string::npos) return;
  // git's own remarks follow the message as comment lines.
  const std::size_t comments = message.find("\n#");
  const std::string text = message.substr(0, comments);
  const std::string rest = comments == std::string::npos ? "" : message.substr(comments);
  const std::string complete = with_trailers(text, trailers_of("merge\n\n" + trailers));
  os::write_file(message_file, as_bytes(complete + rest));
}

MergeRoute choose_merge_route(Repository& repository, const std::vector<std::string>& branches) {
  require_quiet_worktree(repository, "merge");
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
  const bool ahead = theirs.size() == 1 && repository.is_ancestor(*head, theirs.front());
  return ahead && fast_forward_keeps_models(repository, *head, theirs.front())
             ? MergeRoute::kFastForward
             : MergeRoute::kCombine;
}

}  // namespace mgit
