#include "mgit/lineage.h"

#include <algorithm>

#include "lineage/describe.h"
#include "lineage/index.h"
#include "lineage/model_history.h"
#include "lineage/records.h"
#include "model/continuation.h"
#include "model/database.h"
#include "model/model_line.h"
#include "model/model_spec.h"

namespace mgit {

struct Lineage::Impl {
  explicit Impl(const Workspace& its_repository)
      : repository(its_repository), path(its_repository.mgit_dir() / "lineage.db") {
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

  /// Of all models of a commit, or of the one at `wanted`.
  std::vector<Model> models_of(const Oid& commit, const std::string& wanted) {
    std::vector<Model> models;
    for (const CommittedModel& model :
         wanted.empty() ? models_at(repository, commit) : repository.models_at(commit)) {
      if (!wanted.empty() && model.path != wanted) continue;
      auto nodes = model_history(
          *database, commit, model.path,
          [&](const Oid& older, const Oid& newer) { return compare(older, newer, model.path); });
      if (!nodes.empty()) models.push_back({model.path, std::move(nodes)});
    }
    if (models.empty())
      throw MissingError(wanted.empty() ? "there is no checkpoint in this commit"
                                        : "there is no such checkpoint in " + commit.brief(),
                         wanted.empty() ? commit.brief() : wanted,
                         "mgit ls lists the checkpoints of a revision");
    return models;
  }

  /// What HistoryWalk asks of two commits.
  Resemblance compare(const Oid& older, const Oid& newer, const std::string& model) {
    const auto before = past_model(repository, older, model);
    const auto after = past_model(repository, newer, model);
    if (!before || !after) return Resemblance::kUnknown;
    const auto same = continuation.if_here(*before, *after);
    if (!same) return Resemblance::kUnknown;
    return *same ? Resemblance::kSameTraining : Resemblance::kOtherTraining;
  }

  const Workspace& repository;
  std::filesystem::path path;
  std::unique_ptr<Database> database;
  Continuation continuation{repository};
};

Lineage::Lineage(const Workspace& repository) : impl_(std::make_unique<Impl>(repository)) {}

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

}  // namespace mgit
