// The git repository: commits, trees, refs, notes, configuration, index; through libgit2, and
// through the `git` binary where git's own behaviour is what is wanted.
//
// A Repository belongs to one thread. Every failure of git is an Error with git's own words.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/format.h"

namespace mgit {

/// Name of a git object (SHA-1).
struct Oid {
  std::array<std::uint8_t, 20> bytes{};
  std::string hex() const;
  /// The first ten hex digits, for people.
  std::string brief() const { return hex().substr(0, 10); }
  static std::optional<Oid> from_hex(std::string_view hex);
  auto operator<=>(const Oid&) const = default;
};

struct Signature {
  std::string name;
  std::string email;
  std::int64_t time = 0;  // seconds since the epoch
  int offset = 0;         // minutes east of UTC
};

struct Commit {
  Oid id;
  Oid tree;
  std::vector<Oid> parents;
  Signature author;
  Signature committer;
  std::string message;

  std::string subject() const;
};

struct Trailer {
  std::string key;
  std::string value;
  bool operator==(const Trailer&) const = default;
};

/// Trailers of the last paragraph, in order (git-interpret-trailers' rules for "Key: value" lines).
std::vector<Trailer> trailers_of(std::string_view message);
/// Appends trailers, after a blank line unless the message ends in trailers already.
std::string with_trailers(std::string_view message, const std::vector<Trailer>& trailers);
/// The message without those trailers whose key starts with `prefix`.
std::string without_trailers(std::string_view message, std::string_view prefix);

struct TreeFile {
  Oid blob;
  std::uint32_t mode = 0100644;
  bool operator==(const TreeFile&) const = default;
};

/// A checkpoint as a commit has it.
struct CommittedCheckpoint {
  std::string path;
  TreeFile file;
  Manifest manifest;
};

/// What is rebased and merged as one, as a commit has it: a checkpoint, or a shard index
/// (model.safetensors.index.json) with its shards.
struct CommittedModel {
  std::string path;                          // the checkpoint's, or the index's
  std::optional<TreeFile> index{};           // of a sharded set
  std::vector<CommittedCheckpoint> parts{};  // the checkpoint, or the shards, sorted by path
  /// All tensors: the checkpoint's manifest, or what docs/formats.md calls the manifest of a
  /// sharded model, which names no layout and does not depend on how the tensors are dealt out.
  Manifest manifest{};
};

/// SHA-256 of the model's manifest text: its name in notes and in the lineage.
Digest model_digest(const CommittedModel& model);
/// Do both hold the same tensors, and, as single files, the same bytes?
bool same_weights(const CommittedModel& a, const CommittedModel& b);

/// The models of a commit, as far as they are whole.
struct ModelListing {
  std::vector<CommittedModel> models;  // sorted by path
  std::vector<Error> problems;         // of shard indexes whose set is broken; shards of such a set
                                       // are no models
};

/// `[model "name"]` of .mgitconfig; DESIGN section 3.
struct ModelConfig {
  std::string name;
  std::string path;
  std::string spec = "auto";
  std::string graph{};
  std::string data{};
  std::string calibration{};
  std::string loss = "cross_entropy";
};

class Repository {
 public:
  /// Finds the repository around `start`, as git does (GIT_DIR is honoured). Throws Error "not a
  /// git repository (or any of the parent directories)".
  static Repository discover(const std::filesystem::path& start = ".");
  ~Repository();
  Repository(Repository&&) noexcept;
  Repository& operator=(Repository&&) noexcept;

  const std::filesystem::path& git_dir() const;     // of this worktree
  const std::filesystem::path& common_dir() const;  // shared by worktrees
  /// Empty for a bare repository.
  const std::filesystem::path& work_dir() const;
  /// common_dir()/mgit: what mgit keeps beside git's own.
  const std::filesystem::path& mgit_dir() const;

  // Revisions. Results are commits; tags are peeled.
  std::optional<Oid> resolve(std::string_view revision) const;
  /// Throws MissingError "no such branch or revision".
  Oid require(std::string_view revision) const;
  Commit commit(const Oid& id) const;
  std::vector<Oid> merge_bases(const Oid& a, const Oid& b) const;
  bool is_ancestor(const Oid& ancestor, const Oid& descendant) const;
  /// Commits of exclude..include, parents before children.
  std::vector<Oid> range(const std::optional<Oid>& exclude, const Oid& include) const;
  /// Commits that one of `include` reaches and none of `exclude`.
  std::vector<Oid> history(const std::vector<Oid>& exclude, const std::vector<Oid>& include) const;
  bool is_shallow() const;

  // HEAD and refs.
  std::optional<Oid> head() const;                 // nullopt: unborn
  std::optional<std::string> head_branch() const;  // "refs/heads/main"; nullopt: detached
  std::optional<Oid> ref(std::string_view name) const;
  std::vector<std::pair<std::string, Oid>> refs(std::string_view prefix) const;  // sorted by name
  /// Compare-and-swap; `expected` nullopt means "must not exist". Writes the reflog.
  void update_ref(const std::string& name, const Oid& value, const std::optional<Oid>& expected,
                  const std::string& log_message);
  /// True if another worktree has this branch checked out.
  bool checked_out_elsewhere(const std::string& branch_ref) const;

  // Trees and blobs.
  std::string blob(const Oid& id) const;
  std::optional<TreeFile> file_at(const Oid& commit, const std::string& path) const;
  /// All files of a commit (no submodules), sorted by path.
  std::vector<std::pair<std::string, TreeFile>> files_at(const Oid& commit) const;
  /// All files whose blob is a manifest, sorted by path.
  std::vector<CommittedCheckpoint> checkpoints_at(const Oid& commit) const;
  std::optional<CommittedCheckpoint> checkpoint_at(const Oid& commit,
                                                   const std::string& path) const;

  // Models. Evaluation data that lies in checkpoints counts, too: git does not know the difference.
  /// Throws CorruptError or MissingError if a sharded set is broken. A set of which no shard is a
  /// checkpoint is none.
  std::vector<CommittedModel> models_at(const Oid& commit) const;
  /// Leaves broken sets out, and says which.
  ModelListing list_models(const Oid& commit) const;
  /// The checkpoint or the sharded set at this path; where there is none, the model that
  /// same_model_path finds (sharded here, one file there). Throws as models_at.
  std::optional<CommittedModel> model_at(const Oid& commit, const std::string& path) const;

  Oid write_blob(std::string_view content);
  /// A copy of `tree` with files put in place (or removed, for nullopt).
  Oid write_tree(const Oid& tree, const std::map<std::string, std::optional<TreeFile>>& changes);
  /// Committer is the user, now.
  Oid write_commit(const Oid& tree, const std::vector<Oid>& parents, const Signature& author,
                   const std::string& message);
  /// Author of new commits, now: GIT_AUTHOR_*, else the configuration. Throws Error with a hint if
  /// git does not know who that is.
  Signature user() const;

  // Notes (one per commit and ref).
  std::optional<std::string> note(const std::string& notes_ref, const Oid& target) const;
  void set_note(const std::string& notes_ref, const Oid& target, const std::string& text);
  /// (annotated object, text), sorted.
  std::vector<std::pair<Oid, std::string>> notes(const std::string& notes_ref) const;

  // Configuration.
  std::optional<std::string> config(const std::string& key) const;
  /// Models of .mgitconfig as the given commit has it, or the working tree's for nullopt.
  std::vector<ModelConfig> models(const std::optional<Oid>& commit) const;

  /// True if index and working tree have no changes to tracked files (git status -uno).
  bool is_clean() const;
  /// "merge", "rebase", "cherry-pick" …: an operation of git's under way, nullopt if none.
  std::optional<std::string> operation_under_way() const;

 private:
  struct Impl;
  explicit Repository(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mgit
