#include "model/continuation.h"

#include <algorithm>

#include "mgit/match.h"
#include "model/database.h"
#include "model/training_state.h"

namespace mgit {
namespace {

constexpr double kSurelyContinues = 0.5;
constexpr double kSurelyNot = 0.1;

constexpr const char* kVerdictSchema =
    "CREATE TABLE verdicts(older BLOB, newer BLOB, continues INTEGER NOT NULL,"
    " PRIMARY KEY(older, newer)) WITHOUT ROWID;";

bool is_here(const Store& store, const CommittedModel& model) {
  for (const CommittedCheckpoint& part : model.parts)
    if (!missing_objects(store, part.manifest).empty()) return false;
  return true;
}

/// Weights in codes cannot be compared as numbers are.
bool has_numbers(const TensorSource& model) {
  return std::any_of(model.tensors().begin(), model.tensors().end(), [](const TensorInfo& info) {
    return info.rank() >= 2 && is_arithmetic(info.dtype);
  });
}

}  // namespace

bool continues(const TensorSource& older_file, const TensorSource& newer_file) {
  // Moments of an optimizer continue nothing, and prefixes of wrappers mean nothing.
  std::string old_prefix = weight_prefixes(older_file.tensors(), "").back();
  std::string new_prefix = weight_prefixes(newer_file.tensors(), "").back();
  if (weights_under(older_file.tensors(), old_prefix) !=
      weights_under(newer_file.tensors(), new_prefix))
    old_prefix = new_prefix = "";
  const WeightsModel older(older_file, old_prefix);
  const WeightsModel newer(newer_file, new_prefix);
  if (!has_numbers(older)) return older.tensors() == newer.tensors();
  const double similarity = cosine(older, newer);
  if (similarity > kSurelyContinues) return true;
  if (similarity < kSurelyNot || older.tensors() != newer.tensors()) return false;
  for (const std::string& prefix : weight_prefixes(older.tensors(), "")) {
    const WeightsModel old_weights(older, prefix);
    const auto spec = recognise(old_weights.tensors());
    if (spec) return !worth_moving(match_weights(*spec, old_weights, WeightsModel(newer, prefix)));
  }
  return false;
}

struct Continuation::Impl {
  explicit Impl(const Workspace& its_repository)
      : repository(its_repository), file(its_repository.mgit_dir() / "verdicts.db") {}

  std::optional<bool> known(const Digest& older, const Digest& newer) {
    std::optional<bool> verdict;
    with_database([&](Database& open) {
      Statement query(open, "SELECT continues FROM verdicts WHERE older = ? AND newer = ?");
      if (query.with(older, newer).step()) verdict = query.integer(0) != 0;
    });
    return verdict;
  }

  void remember(const Digest& older, const Digest& newer, bool verdict) {
    with_database([&](Database& open) {
      Statement(open, "INSERT OR REPLACE INTO verdicts VALUES(?, ?, ?)")
          .with(older, newer, std::int64_t{verdict ? 1 : 0})
          .run();
    });
  }

  bool judge(const CommittedModel& older, const CommittedModel& newer) const {
    return mgit::continues(*open_model(repository.store(), older),
                           *open_model(repository.store(), newer));
  }

  const Workspace& repository;

 private:
  /// A damaged file is made anew; one that cannot be used at all is done without.
  template <typename Work>
  void with_database(const Work& work) {
    if (unusable) return;
    try {
      try {
        open();
        work(*database);
      } catch (const DatabaseDamaged&) {
        database.reset();
        Database::remove(file);
        open();
        work(*database);
      }
    } catch (const std::runtime_error&) {
      unusable = true;
    }
  }

  void open() {
    if (!database) database = std::make_unique<Database>(file, kVerdictSchema, 1);
  }

  std::filesystem::path file;
  std::unique_ptr<Database> database;
  bool unusable = false;
};

Continuation::Continuation(const Workspace& repository)
    : impl_(std::make_unique<Impl>(repository)) {}

Continuation::~Continuation() = default;

bool Continuation::continues(const CommittedModel& older, const CommittedModel& newer) {
  if (same_weights(older, newer)) return true;
  const Digest old_name = model_digest(older);
  const Digest new_name = model_digest(newer);
  if (const auto known = impl_->known(old_name, new_name)) return *known;
  impl_->repository.need(older, "the older model");
  impl_->repository.need(newer, "the newer model");
  const bool verdict = impl_->judge(older, newer);
  impl_->remember(old_name, new_name, verdict);
  return verdict;
}

std::optional<bool> Continuation::if_here(const CommittedModel& older,
                                          const CommittedModel& newer) {
  const Store& store = impl_->repository.store();
  if (same_weights(older, newer)) return true;
  const Digest old_name = model_digest(older);
  const Digest new_name = model_digest(newer);
  if (const auto known = impl_->known(old_name, new_name)) return known;
  if (!is_here(store, older) || !is_here(store, newer)) return std::nullopt;
  const bool verdict = impl_->judge(older, newer);
  impl_->remember(old_name, new_name, verdict);
  return verdict;
}

bool continues(const Workspace& repository, const CommittedModel& older,
               const CommittedModel& newer) {
  return Continuation(repository).continues(older, newer);
}

}  // namespace mgit
