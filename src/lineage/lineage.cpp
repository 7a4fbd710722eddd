#include "mgit/lineage.h"

#include <algorithm>
#include <set>

#include "lineage/database.h"
#include "lineage/describe.h"
#include "lineage/index.h"
#include "lineage/model_history.h"
#include "lineage/records.h"

namespace mgit {
namespace {

constexpr const char* kVerdictSchema =
    "CREATE TABLE verdicts(older BLOB, newer BLOB, continues INTEGER NOT NULL,"
    " PRIMARY KEY(older, newer)) WITHOUT ROWID;";

}  // namespace

struct Lineage::Impl {
  explicit Impl(const Repository& its_repository)
      : repository(its_repository), path(its_repository.common_dir() / "mgit" / "lineage.db") {
    try {
      open();
    } catch (const DatabaseDamaged&) {
      start_again();
    }
  }

  void open() { database = std::make_unique<Database>(path, kLineageSchema, kLineageVersion); }

  void start_again() {
    database.reset();
    Database::remove(path);
    open();
  }

  /// Runs `work`; a database found to be damaged is made anew and filled first.
  template <typename Work>
  auto guarded(Work work) {
    try {
      return work();
    } catch (const DatabaseDamaged&) {
      start_again();
      update_index(*database, repository);
      return work();
    }
  }

  struct Model {
    std::string path;
    std::vector<ModelNode> nodes;
  };

  /// Data to evaluate on lies in checkpoint files, too.
  std::set<std::string> data_of(const Oid& commit) const {
    std::set<std::string> paths;
    for (const ModelConfig& config : repository.models(commit)) paths.insert(config.data);
    return paths;
  }

  /// Of all models of a commit, or of the one at `wanted`.
  std::vector<Model> models_of(const Oid& commit, const std::string& wanted) {
    const std::set<std::string> data = data_of(commit);
    std::vector<Model> models;
    for (const CommittedModel& model : repository.models_at(commit)) {
      if (wanted.empty() ? data.contains(model.path) : model.path != wanted) continue;
      auto nodes = model_history(*database, repository.store(), commit, model.path);
      if (!nodes.empty()) models.push_back({model.path, std::move(nodes)});
    }
    if (models.empty())
      throw MissingError(wanted.empty() ? "there is no checkpoint in this commit"
                                        : "there is no such checkpoint in " + commit.brief(),
                         wanted.empty() ? commit.brief() : wanted,
                         "mgit ls lists the checkpoints of a revision");
    return models;
  }

  /// The cache of verdicts has a file of its own: lineage.db holds only what git can give back.
  template <typename Work>
  auto with_verdicts(Work work) {
    const std::filesystem::path file = path.parent_path() / "verdicts.db";
    try {
      if (!verdicts) verdicts = std::make_unique<Database>(file, kVerdictSchema, 1);
      return work(*verdicts);
    } catch (const DatabaseDamaged&) {
      verdicts.reset();
      Database::remove(file);
      verdicts = std::make_unique<Database>(file, kVerdictSchema, 1);
      return work(*verdicts);
    }
  }

  const Repository& repository;
  std::filesystem::path path;
  std::unique_ptr<Database> database;
  std::unique_ptr<Database> verdicts;
};

Lineage::Lineage(const Repository& repository) : impl_(std::make_unique<Impl>(repository)) {}

Lineage::~Lineage() = default;

void Lineage::update() {
  impl_->guarded([this] { update_index(*impl_->database, impl_->repository); });
}

void Lineage::rebuild() {
  impl_->guarded([this] { rebuild_index(*impl_->database, impl_->repository); });
}

void Lineage::record(Repository& repository, const EvaluationRecord& evaluation) {
  std::string note = repository.note(kEvalNotes, evaluation.commit).value_or("");
  if (!note.empty() && !note.ends_with('\n')) note += '\n';
  repository.set_note(kEvalNotes, evaluation.commit, note + evaluation_line(evaluation) + '\n');
  update();
}

std::string Lineage::describe(const Oid& commit, bool colour, const std::string& path) const {
  return impl_->guarded([&] {
    std::string text;
    for (const Impl::Model& model : impl_->models_of(commit, path))
      text += (text.empty() ? "" : "\n") +
              history_text(*impl_->database, model.nodes, model.path, colour);
    return text;
  });
}

std::string Lineage::describe_json(const Oid& commit, const std::string& path) const {
  return impl_->guarded([&] {
    Json document;
    document["commit"] = commit.hex();
    document["models"] = Json::array();
    for (const Impl::Model& model : impl_->models_of(commit, path))
      document["models"].push_back(history_json(*impl_->database, model.nodes, model.path));
    return document.dump() + "\n";
  });
}

std::optional<bool> Lineage::continues(const Digest& older, const Digest& newer) const {
  return impl_->with_verdicts([&](Database& verdicts) -> std::optional<bool> {
    Statement query(verdicts, "SELECT continues FROM verdicts WHERE older = ? AND newer = ?");
    if (!query.with(older, newer).step()) return std::nullopt;
    return query.integer(0) != 0;
  });
}

void Lineage::remember_continues(const Digest& older, const Digest& newer, bool verdict) {
  impl_->with_verdicts([&](Database& verdicts) {
    Statement(verdicts, "INSERT OR REPLACE INTO verdicts VALUES(?, ?, ?)")
        .with(older, newer, std::int64_t{verdict ? 1 : 0})
        .run();
  });
}

}  // namespace mgit
