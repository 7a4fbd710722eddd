#include "lineage/index.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "git/prefetch.h"
#include "lineage/records.h"
#include "lineage/snapshot.h"
#include "model/operation_record.h"

namespace mgit {

const char* const kLineageSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tips(oid BLOB PRIMARY KEY, target BLOB) WITHOUT ROWID;
CREATE TABLE commits(
  oid BLOB PRIMARY KEY, author TEXT NOT NULL, email TEXT NOT NULL, time INTEGER NOT NULL,
  subject TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parents(
  child BLOB, position INTEGER, parent BLOB NOT NULL,
  PRIMARY KEY(child, position)) WITHOUT ROWID;
CREATE TABLE checkpoints(
  oid BLOB, path TEXT, manifest BLOB, PRIMARY KEY(oid, path)) WITHOUT ROWID;
CREATE TABLE manifests(
  digest BLOB PRIMARY KEY, format TEXT NOT NULL, size INTEGER NOT NULL,
  layout BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tensors(
  manifest BLOB, name TEXT, dtype TEXT NOT NULL, shape TEXT NOT NULL, object BLOB NOT NULL,
  PRIMARY KEY(manifest, name)) WITHOUT ROWID;
CREATE TABLE trailers(
  oid BLOB, position INTEGER, key TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL,
  PRIMARY KEY(oid, position)) WITHOUT ROWID;
CREATE TABLE rebases(
  oid BLOB PRIMARY KEY, origin BLOB, onto BLOB, method TEXT NOT NULL, seed TEXT NOT NULL,
  permutation BLOB) WITHOUT ROWID;
CREATE TABLE specs(
  oid BLOB, position INTEGER, spec BLOB NOT NULL, proof TEXT NOT NULL,
  PRIMARY KEY(oid, position)) WITHOUT ROWID;
CREATE TABLE merges(
  oid BLOB, position INTEGER, model TEXT NOT NULL, strategy TEXT NOT NULL, weights TEXT NOT NULL,
  base TEXT NOT NULL, PRIMARY KEY(oid, position)) WITHOUT ROWID;
CREATE TABLE evaluations(
  oid BLOB, position INTEGER, path TEXT NOT NULL, checkpoint BLOB NOT NULL, data BLOB NOT NULL,
  data_name TEXT NOT NULL, loss_name TEXT NOT NULL, loss REAL, accuracy REAL,
  samples INTEGER NOT NULL, recorded INTEGER NOT NULL,
  PRIMARY KEY(oid, position)) WITHOUT ROWID;
CREATE INDEX evaluations_of ON evaluations(checkpoint);
)";

namespace {

/// Tables with rows that belong to one commit each, by the column that names it.
constexpr std::pair<const char*, const char*> kOfCommits[] = {
    {"commits", "oid"}, {"parents", "child"}, {"checkpoints", "oid"}, {"trailers", "oid"},
    {"rebases", "oid"}, {"specs", "oid"},     {"merges", "oid"},      {"evaluations", "oid"},
};

/// With more new commits than this, reading all notes at once is cheaper than asking for each.
constexpr std::size_t kFewCommits = 100;

/// A model of a commit; of a sharded one, the manifest of all its tensors.
struct PlacedManifest {
  std::string path;
  Digest manifest;
};

std::string meta(Database& database, const char* key) {
  Statement query(database, "SELECT value FROM meta WHERE key = ?");
  return query.with(std::string_view(key)).step() ? query.text(0) : std::string();
}

void set_meta(Database& database, const char* key, std::string_view value) {
  Statement(database, "INSERT OR REPLACE INTO meta VALUES(?, ?)")
      .with(std::string_view(key), value)
      .run();
}

void clear(Database& database) {
  for (const auto& [table, column] : kOfCommits)
    database.execute(fmt::format("DELETE FROM {}", table).c_str());
  database.execute(
      "DELETE FROM meta; DELETE FROM tips; DELETE FROM manifests; DELETE FROM tensors;");
}

/// One update, within a transaction.
class Update {
 public:
  Update(Database& database, const Repository& repository)
      : database_(database), repository_(repository) {}

  void run(const Snapshot& now) {
    if (now.shallow != meta(database_, "shallow")) clear(database_);
    const std::vector<Oid> gone = replace_tips(now.tips);
    add_commits();
    if (added_.size() > 1) prefetch_manifests(repository_, {added_.begin(), added_.end()});
    for (const Oid& commit : added_) add_checkpoints(commit);
    if (std::any_of(gone.begin(), gone.end(), [this](const Oid& tip) { return !passed(tip); }))
      drop_unreachable();
    update_operations(now);
    update_evaluations(now);
    set_meta(database_, "shallow", now.shallow);
    set_meta(database_, kOperationNotes, hex(now.operations));
    set_meta(database_, kEvalNotes, hex(now.evaluations));
    set_meta(database_, "state", now.state());
  }

 private:
  static std::string hex(const std::optional<Oid>& id) { return id ? id->hex() : std::string(); }

  /// Notes new tips for add_commits; returns the commits of those that are no tips any more.
  std::vector<Oid> replace_tips(const std::vector<Oid>& now) {
    std::map<Oid, std::optional<Oid>> before;
    Statement query(database_, "SELECT oid, target FROM tips");
    while (query.step())
      before[query.oid(0)] = query.is_null(1) ? std::nullopt : std::optional(query.oid(1));
    Statement insert(database_, "INSERT INTO tips VALUES(?, ?)");
    for (const Oid& tip : now) {
      if (before.erase(tip) > 0) continue;
      const auto commit = repository_.resolve(tip.hex());  // tags are peeled; other objects are not
      insert.with(tip, commit).run();
      if (commit) pending_.push_back(*commit);
    }
    std::vector<Oid> gone;
    Statement remove(database_, "DELETE FROM tips WHERE oid = ?");
    for (const auto& [tip, commit] : before) {
      remove.with(tip).run();
      if (commit) gone.push_back(*commit);
    }
    return gone;
  }

  bool is_known(const Oid& commit) {
    return added_.contains(commit) || known_.with(commit).exists();
  }

  void add_commits() {
    while (!pending_.empty()) {
      const Oid id = pending_.back();
      pending_.pop_back();
      if (is_known(id)) continue;
      Commit commit;
      try {
        commit = repository_.commit(id);
      } catch (const Error&) {
        continue;  // a shallow history ends here
      }
      add(commit);
      pending_.insert(pending_.end(), commit.parents.begin(), commit.parents.end());
    }
  }

  void add(const Commit& commit) {
    added_.insert(commit.id);
    trees_[commit.id] = commit.tree;
    insert_commit_
        .with(commit.id, commit.author.name, commit.author.email, commit.author.time,
              commit.subject())
        .run();
    std::int64_t position = 0;
    for (const Oid& parent : commit.parents) {
      insert_parent_.with(commit.id, position++, parent).run();
      passed_.insert(parent);
    }
    add_operation(commit.id, operation_trailers(commit.message), "message");
  }

  /// A tip that became the parent of something new is still reached.
  bool passed(const Oid& tip) const { return passed_.contains(tip); }

  std::optional<Oid> first_parent(const Oid& commit) {
    if (!first_parent_.with(commit).step()) return std::nullopt;
    const Oid parent = first_parent_.oid(0);
    first_parent_.restart();
    return is_known(parent) ? std::optional(parent) : std::nullopt;
  }

  void add_checkpoints(const Oid& commit) {
    const std::vector<PlacedManifest> none;
    const auto parent = first_parent(commit);
    const auto& before = parent ? manifests_at(*parent) : none;
    const auto& after = manifests_at(commit);
    const auto find = [](const std::vector<PlacedManifest>& list, const std::string& path) {
      return std::find_if(list.begin(), list.end(),
                          [&](const PlacedManifest& entry) { return entry.path == path; });
    };
    for (const PlacedManifest& entry : after) {
      const auto old = find(before, entry.path);
      if (old == before.end() || old->manifest != entry.manifest)
        insert_checkpoint_.with(commit, entry.path, std::optional(entry.manifest)).run();
    }
    // A file that somebody committed without mgit, in a manifest's place, does not end its line:
    // what takes it in again continues what was there before.
    for (const PlacedManifest& entry : before)
      if (find(after, entry.path) == after.end() && !repository_.file_at(commit, entry.path))
        insert_checkpoint_.with(commit, entry.path, std::optional<Digest>()).run();
  }

  /// The models of a commit's tree, their manifests in the tables. A sharded set that is not
  /// complete is none.
  const std::vector<PlacedManifest>& manifests_at(const Oid& commit) {
    const auto tree_known = trees_.find(commit);
    const Oid tree =
        tree_known != trees_.end() ? tree_known->second : repository_.commit(commit).tree;
    const auto known = manifests_.find(tree);
    if (known != manifests_.end()) return known->second;
    std::vector<PlacedManifest>& list = manifests_[tree];
    try {
      for (const CommittedModel& model : repository_.list_models(commit).models) {
        std::vector<Oid> blobs;
        for (const CommittedCheckpoint& part : model.parts) blobs.push_back(part.file.blob);
        auto digest = digests_.find(blobs);
        if (digest == digests_.end())
          digest = digests_.emplace(std::move(blobs), add_manifest(model.manifest)).first;
        list.push_back({model.path, digest->second});
      }
    } catch (const Error&) {
      list.clear();  // blobs that a partial clone has not fetched, or that are damaged
    }
    return list;
  }

  Digest add_manifest(const Manifest& manifest) {
    const Digest digest = sha256(as_bytes(manifest_text(manifest)));
    if (manifest_known_.with(digest).exists()) return digest;
    insert_manifest_
        .with(digest, manifest.format, static_cast<std::int64_t>(manifest.size), manifest.layout)
        .run();
    for (const ManifestTensor& tensor : manifest.tensors)
      insert_tensor_
          .with(digest, tensor.info.name, dtype_name(tensor.info.dtype),
                shape_text(tensor.info.shape), tensor.object)
          .run();
    return digest;
  }

  void add_operation(const Oid& commit, const std::vector<Trailer>& trailers,
                     std::string_view source) {
    std::int64_t position = 0;
    for (const Trailer& trailer : trailers)
      insert_trailer_.with(commit, position++, trailer.key, trailer.value, source).run();
    const OperationRecord record = parse_operation(trailers);
    if (const auto& rebase = record.rebase) {
      insert_rebase_
          .with(commit, rebase->origin, rebase->onto, rebase->method, rebase->seed,
                rebase->permutation)
          .run();
      position = 0;
      for (const SpecRecord& spec : rebase->specs)
        insert_spec_.with(commit, position++, spec.spec, spec.proof).run();
    }
    position = 0;
    for (const MergeRecord& merge : record.merges)
      insert_merge_.with(commit, position++, merge.model, merge.strategy, merge.weights, merge.base)
          .run();
  }

  void drop_unreachable() {
    std::map<Oid, std::vector<Oid>> parents;
    Statement edges(database_, "SELECT child, parent FROM parents");
    while (edges.step()) parents[edges.oid(0)].push_back(edges.oid(1));
    database_.execute("CREATE TEMP TABLE reached(oid BLOB PRIMARY KEY) WITHOUT ROWID");
    std::vector<Oid> stack;
    Statement tips(database_, "SELECT target FROM tips WHERE target IS NOT NULL");
    while (tips.step()) stack.push_back(tips.oid(0));
    {
      std::set<Oid> reached;
      Statement insert(database_, "INSERT INTO reached VALUES(?)");
      while (!stack.empty()) {
        const Oid commit = stack.back();
        stack.pop_back();
        if (!reached.insert(commit).second) continue;
        insert.with(commit).run();
        const auto found = parents.find(commit);
        if (found != parents.end())
          stack.insert(stack.end(), found->second.begin(), found->second.end());
      }
    }
    for (const auto& [table, column] : kOfCommits)
      database_.execute(
          fmt::format("DELETE FROM {} WHERE {} NOT IN (SELECT oid FROM reached)", table, column)
              .c_str());
    database_.execute(
        "DELETE FROM manifests WHERE digest NOT IN"
        " (SELECT manifest FROM checkpoints WHERE manifest IS NOT NULL);"
        "DELETE FROM tensors WHERE manifest NOT IN (SELECT digest FROM manifests);"
        "DROP TABLE reached;");
  }

  /// Calls take(commit, text) for the notes that may be new to the index: all of them (after
  /// forget()), or those of added commits.
  template <typename Forget, typename Take>
  void read_notes(const char* notes_ref, const std::optional<Oid>& now, Forget forget, Take take) {
    if (hex(now) != meta(database_, notes_ref) || added_.size() > kFewCommits) {
      forget();
      for (const auto& [commit, text] : repository_.notes(notes_ref))
        if (is_known(commit)) take(commit, text);
    } else if (now) {
      for (const Oid& commit : added_)
        if (const auto text = repository_.note(notes_ref, commit)) take(commit, *text);
    }
  }

  /// A message that lost its trailers (a squash, an edit) has them in the note.
  void update_operations(const Snapshot& now) {
    const auto forget = [this] {
      for (const char* table : {"rebases", "specs", "merges"})
        database_.execute(fmt::format("DELETE FROM {} WHERE oid IN"
                                      " (SELECT oid FROM trailers WHERE source = 'note')",
                                      table)
                              .c_str());
      database_.execute("DELETE FROM trailers WHERE source = 'note'");
    };
    Statement has_trailers(database_, "SELECT 1 FROM trailers WHERE oid = ?");
    read_notes(kOperationNotes, now.operations, forget,
               [&](const Oid& commit, const std::string& text) {
                 if (!has_trailers.with(commit).exists())
                   add_operation(commit, note_trailers(text), "note");
               });
  }

  void update_evaluations(const Snapshot& now) {
    Statement insert(database_, "INSERT INTO evaluations VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    read_notes(
        kEvalNotes, now.evaluations, [this] { database_.execute("DELETE FROM evaluations"); },
        [&](const Oid& commit, const std::string& text) {
          std::int64_t position = 0;
          for (const EvaluationRecord& record : parse_evaluations(commit, text))
            insert
                .with(commit, position++, record.path, record.checkpoint, record.data,
                      record.data_name, record.loss_name, record.result.loss,
                      record.result.accuracy, static_cast<std::int64_t>(record.result.samples),
                      record.recorded)
                .run();
        });
  }

  Database& database_;
  const Repository& repository_;
  std::vector<Oid> pending_;
  std::set<Oid> added_;
  std::set<Oid> passed_;
  std::map<Oid, Oid> trees_;                              // of added commits
  std::map<Oid, std::vector<PlacedManifest>> manifests_;  // by tree
  std::map<std::vector<Oid>, Digest> digests_;            // by the blobs of a model's parts

  Statement known_{database_, "SELECT 1 FROM commits WHERE oid = ?"};
  Statement first_parent_{database_, "SELECT parent FROM parents WHERE child = ? AND position = 0"};
  Statement manifest_known_{database_, "SELECT 1 FROM manifests WHERE digest = ?"};
  Statement insert_commit_{database_, "INSERT INTO commits VALUES(?, ?, ?, ?, ?)"};
  Statement insert_parent_{database_, "INSERT INTO parents VALUES(?, ?, ?)"};
  Statement insert_checkpoint_{database_, "INSERT INTO checkpoints VALUES(?, ?, ?)"};
  Statement insert_manifest_{database_, "INSERT INTO manifests VALUES(?, ?, ?, ?)"};
  Statement insert_tensor_{database_, "INSERT INTO tensors VALUES(?, ?, ?, ?, ?)"};
  Statement insert_trailer_{database_, "INSERT INTO trailers VALUES(?, ?, ?, ?, ?)"};
  Statement insert_rebase_{database_, "INSERT INTO rebases VALUES(?, ?, ?, ?, ?, ?)"};
  Statement insert_spec_{database_, "INSERT INTO specs VALUES(?, ?, ?, ?)"};
  Statement insert_merge_{database_, "INSERT INTO merges VALUES(?, ?, ?, ?, ?, ?)"};
};

}  // namespace

void update_index(Database& database, const Repository& repository) {
  if (meta(database, "state") == take_snapshot(repository).state()) return;
  Transaction transaction(database);
  // Another process may have done it while we waited, and refs may have moved.
  const Snapshot now = take_snapshot(repository);
  if (meta(database, "state") != now.state()) Update(database, repository).run(now);
  transaction.commit();
}

void rebuild_index(Database& database, const Repository& repository) {
  Transaction transaction(database);
  clear(database);
  Update(database, repository).run(take_snapshot(repository));
  transaction.commit();
}

}  // namespace mgit
