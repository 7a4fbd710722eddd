#include "workflow/fsck.h"

#include <fmt/format.h>

#include <sstream>
#include <unordered_map>

#include "base/process.h"
#include "git/object_database.h"
#include "git/reachable.h"
#include "mgit/remote.h"
#include "model/operation_record.h"
#include "worktree/index_entries.h"
#include "worktree/left_manifests.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

/// Where manifests lie below trees; each tree is read once.
class ManifestPlaces {
 public:
  using Found = std::vector<std::pair<std::string, AffectedCheckpoint*>>;  // by path

  ManifestPlaces(const Repository& repository,
                 const std::map<Oid, AffectedCheckpoint*>& by_manifest)
      : objects_(repository, ObjectDatabase::Mode::kOnlyName), by_manifest_(by_manifest) {}

  const Found& below(const Oid& tree) {
    const auto known = found_.find(tree);
    if (known != found_.end()) return known->second;
    Found found;
    for (const RawEntry& entry : parse_tree(objects_.read(tree, ObjectType::kTree))) {
      const auto manifest = by_manifest_.find(entry.id);
      if (manifest != by_manifest_.end()) found.emplace_back(entry.name, manifest->second);
      if (entry.is_tree())
        for (const auto& [path, checkpoint] : below(entry.id))
          found.emplace_back(entry.name + "/" + path, checkpoint);
    }
    return found_.emplace(tree, std::move(found)).first->second;
  }

 private:
  ObjectDatabase objects_;
  const std::map<Oid, AffectedCheckpoint*>& by_manifest_;
  std::map<Oid, Found> found_;
};

/// One check of a repository, which it does not change: the store, what history names, what
/// remotes are said to have.
class RepositoryChecker {
 public:
  RepositoryChecker(const Workspace& repository, FsckDepth depth)
      : repository_(repository), depth_(depth) {}

  RepositoryCheck run() {
    check_.store = check_store(repository_.store().directory(), depth_);
    for (const StoreProblem& problem : check_.store.problems) {
      check_.problems.push_back(problem.line());
      if (problem.object) damaged_.insert(*problem.object);
    }
    ReachableTexts(repository_).visit([this](const ReachableText& text) { look_at(text); });
    look_at_remotes();
    find_commits();
    name_commits();
    for (AffectedCheckpoint& checkpoint : check_.affected) judge(checkpoint);
    for (const auto& [object, commit] : named_) judge_named(object, commit);
    look_for_attributes();
    return std::move(check_);
  }

 private:
  void look_at(const ReachableText& text) {
    if (text.kind == ReachableText::Kind::kCommit) return look_at_trailers(text);
    if (text.kind != ReachableText::Kind::kBlob || !looks_like_manifest(text.text)) return;
    try {
      look_at_manifest(text, parse_manifest(text.text, text.path));
    } catch (const Error& error) {
      check_.problems.push_back(
          fmt::format("manifest {}, {}: {}", text.id.brief(), quote_name(text.path), error.what()));
    }
  }

  /// A clone of HEAD has text where such files should be checkpoints.
  void look_for_attributes() {
    const auto head = repository_.head();
    if (!head) return;
    const std::string warning =
        without_attribute_warning(manifests_without_attribute(repository_, *head));
    if (!warning.empty()) check_.notes.push_back("HEAD: " + warning);
    if (repository_.work_dir().empty()) return;
    for (const std::string& path : left_manifests(repository_))
      check_.notes.push_back(
          fmt::format("{0}: the working tree has its manifest (mgit checkout -- {0})", path));
  }

  bool is_lost(const Digest& object) {
    if (check_.store.contains(object)) return false;
    lost_.insert(object);
    return true;
  }

  void look_at_manifest(const ReachableText& text, const Manifest& manifest) {
    AffectedCheckpoint affected{text.path, text.id, {}, {}, 0, {}, {}, {}};
    std::set<Digest> objects;
    for (const Digest& object : objects_of(manifest))
      if (is_lost(object)) objects.insert(object);
    if (objects.empty()) return;
    if (objects.contains(manifest.layout)) affected.tensors.emplace_back("(layout)");
    for (const ManifestTensor& tensor : manifest.tensors)
      if (objects.contains(tensor.object)) affected.tensors.push_back(quote_name(tensor.info.name));
    for (std::size_t i = 0; i < manifest.chunks.size(); ++i)
      if (objects.contains(manifest.chunks[i].object))
        affected.tensors.push_back(fmt::format("(chunk {})", i + 1));
    affected.objects.assign(objects.begin(), objects.end());
    check_.affected.push_back(std::move(affected));
  }

  /// Mgit-Permutation and its like: without it a rebase can be neither verified nor undone.
  void look_at_trailers(const ReachableText& text) {
    if (text.text.find("Mgit-") == std::string_view::npos) return;
    const Commit commit = repository_.commit(text.id);
    for (const Digest& object : objects_named_by(operation_trailers(commit.message)))
      if (is_lost(object)) named_.emplace(object, text.id);
    if (operations_.disagree(commit))
      check_.notes.push_back(
          fmt::format("{} {}: message and note record different operations; "
                      "the message is what counts",
                      commit.id.brief(), commit.subject()));
  }

  void look_at_remotes() {
    if (lost_.empty()) return;
    const std::vector<Digest> lost(lost_.begin(), lost_.end());
    for (auto& [url, objects] : objects_at_remotes(repository_, lost))
      for (const Digest& object : objects) at_remote_.emplace(object, url);
  }

  void find_commits() {
    if (check_.affected.empty()) return;
    std::map<Oid, AffectedCheckpoint*> by_manifest;
    for (AffectedCheckpoint& checkpoint : check_.affected)
      by_manifest.emplace(checkpoint.manifest, &checkpoint);
    std::vector<Oid> tips;
    for (const auto& [name, id] : repository_.refs("refs/"))
      if (const auto commit = repository_.resolve(name)) tips.push_back(*commit);
    if (const auto head = repository_.head()) tips.push_back(*head);
    ManifestPlaces places(repository_, by_manifest);
    for (const Oid& id : repository_.history({}, tips)) {  // parents first: the newest stays
      for (const auto& [path, checkpoint] : places.below(repository_.commit(id).tree)) {
        checkpoint->commit = id;
        checkpoint->path = path;
        ++checkpoint->commits;
      }
    }
  }

  /// Asks git for the names of all commits that will be spoken of: each answer costs it a walk.
  void name_commits() {
    std::set<Oid> commits;
    for (const AffectedCheckpoint& checkpoint : check_.affected)
      if (checkpoint.commit) commits.insert(*checkpoint.commit);
    for (const auto& [object, commit] : named_) commits.insert(commit);
    constexpr std::size_t kAtOnce = 1000;
    for (auto next = commits.begin(); next != commits.end();) {
      const auto first = next;
      std::vector<std::string> command{"git", "name-rev", "--name-only", "--always",
                                       "--exclude=refs/notes/*"};
      for (; next != commits.end() && command.size() < kAtOnce; ++next)
        command.push_back(next->hex());
      ProcessOptions options;
      options.environment["GIT_DIR"] = repository_.git_dir().string();
      options.capture_errors = true;
      std::istringstream names(run_process(command, options).output);
      std::string name;
      for (auto commit = first; commit != next && std::getline(names, name); ++commit)
        names_[*commit] = name;
    }
  }

  std::string name_of(const Oid& commit) const {
    const auto found = names_.find(commit);
    return found == names_.end() || found->second.empty() ? commit.brief() : found->second;
  }

  void judge(AffectedCheckpoint& checkpoint) {
    if (checkpoint.commit) checkpoint.name = name_of(*checkpoint.commit);
    const auto remote = remote_with_all(checkpoint.objects);
    const bool damage =
        std::any_of(checkpoint.objects.begin(), checkpoint.objects.end(),
                    [this](const Digest& object) { return damaged_.contains(object); });
    const std::string forget = damage ? "mgit fsck --rebuild, then " : "";
    if (remote)
      checkpoint.restore = forget + "a checkout fetches it from " + *remote;
    else if (lies_in_working_tree(checkpoint))
      checkpoint.restore = fmt::format("{0}touch {1} and mgit add {1}: the working tree has it",
                                       forget, quote_name(checkpoint.path));
    else
      checkpoint.restore = forget +
                           "mgit add of a file with this content, or a fetch from where "
                           "it was pushed; no remote at hand has it";
    const std::string what = fmt::format(
        "{} of {}: {} tensor{} {} ({}{}); to restore: {}", quote_name(checkpoint.path),
        where(checkpoint), checkpoint.tensors.size(), checkpoint.tensors.size() == 1 ? "" : "s",
        damage ? "damaged" : "not here",
        fmt::join(checkpoint.tensors.begin(),
                  checkpoint.tensors.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                   checkpoint.tensors.size(), kNamed)),
                  ", "),
        checkpoint.tensors.size() > kNamed ? ", …" : "", checkpoint.restore);
    (remote && !damage ? check_.notes : check_.problems).push_back(what);
  }

  static std::string where(const AffectedCheckpoint& checkpoint) {
    if (!checkpoint.commit) return "the index or a reflog";
    const std::string more = checkpoint.commits > 1
                                 ? fmt::format(" and {} commits before it", checkpoint.commits - 1)
                                 : std::string();
    return fmt::format("{} ({}){}", checkpoint.commit->brief(), checkpoint.name, more);
  }

  void judge_named(const Digest& object, const Oid& commit) {
    const auto remote = at_remote_.find(object);
    const std::string line = fmt::format(
        "object {}, which a trailer of {} ({}) names, is {}", object.hex(), commit.brief(),
        name_of(commit), remote == at_remote_.end() ? "not readable" : "at " + remote->second);
    (remote == at_remote_.end() ? check_.problems : check_.notes).push_back(line);
  }

  std::optional<std::string> remote_with_all(const std::vector<Digest>& objects) const {
    std::optional<std::string> url;
    for (const Digest& object : objects) {
      const auto found = at_remote_.find(object);
      if (found == at_remote_.end()) return std::nullopt;
      url = found->second;
    }
    return url;
  }

  bool lies_in_working_tree(const AffectedCheckpoint& checkpoint) const {
    if (repository_.work_dir().empty()) return false;
    try {
      for (const IndexedFile& entry : index_entries(repository_, {checkpoint.path}))
        if (entry.blob == checkpoint.manifest && entry.unchanged) return true;
    } catch (const Error&) {
      return false;  // an index that cannot be read tells nothing
    }
    return false;
  }

  static constexpr std::size_t kNamed = 5;

  const Workspace& repository_;
  const FsckDepth depth_;
  RepositoryCheck check_;
  std::set<Digest> damaged_;
  std::set<Digest> lost_;
  std::map<Digest, std::string> at_remote_;
  std::map<Digest, Oid> named_;  // by a trailer of this commit
  OperationReader operations_{repository_};
  std::map<Oid, std::string> names_;  // of commits, from a branch or tag
};

}  // namespace

RepositoryCheck check_repository(const Workspace& repository, FsckDepth depth) {
  return RepositoryChecker(repository, depth).run();
}

}  // namespace mgit
