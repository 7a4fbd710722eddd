#include "lineage/model_history.h"

#include <limits>
#include <map>
#include <set>

#include "format/shard_index.h"
#include "lineage/lines.h"

namespace mgit {
namespace {

/// One model's nodes in what a tip can reach, from the database, which outlives it. Linear in the
/// commits; for one run.
class HistoryWalk {
 public:
  using Compare = std::function<Resemblance(const Oid& older, const Oid& newer)>;

  HistoryWalk(Database& database, const std::string& path, const Compare& compare)
      : database_(database), path_(path), other_form_(other_form(path)), compare_(compare) {}

  std::vector<ModelNode> run(const Oid& tip) {
    const auto place = locate(tip);
    if (!place) return {};
    std::vector<ModelNode> all;
    collect(place->commit, [&](const Oid& commit) -> const ModelNode& {
      return all.emplace_back(node_at(commit));
    });
    find_returns(all);
    std::map<Oid, ModelNode*> known;
    for (ModelNode& node : all) known.emplace(node.commit, &node);
    std::vector<ModelNode> nodes;
    collect(place->commit, [&](const Oid& commit) -> const ModelNode& {
      settle_origin(*known.at(commit));
      return nodes.emplace_back(std::move(*known.at(commit)));
    });
    return nodes;
  }

 private:
  struct Place {
    Oid commit;
    Digest manifest;
  };
  using Key = std::pair<Oid, bool>;  // a commit; whether the other form of the path is meant

  /// Calls make() for the commit and all that its node comes from, each once, newest first.
  template <typename Make>
  static void collect(const Oid& tip, const Make& make) {
    std::set<Oid> seen;
    std::vector<Oid> pending{tip};
    while (!pending.empty()) {
      const Oid commit = pending.back();
      pending.pop_back();
      if (!seen.insert(commit).second) continue;
      const std::vector<Oid>& from = make(commit).from;
      pending.insert(pending.end(), from.rbegin(), from.rend());
    }
  }

  std::vector<Oid> parents_of(const Oid& commit) {
    std::vector<Oid> parents;
    parents_.with(commit);
    while (parents_.step()) parents.push_back(parents_.oid(0));
    return parents;
  }

  /// The path under which the same model would be one file; of a single file, an index's.
  static std::string other_form(const std::string& path) {
    return checkpoint_of_index(path).value_or(path + ".index.json");
  }

  /// The commit that gave the model of `start` its weights; nullopt if there is no model. Before
  /// the model was dealt out to shards (or put together), it is the one of that other form. Where a
  /// merge took one side's model unchanged, that side is followed.
  std::optional<Place> locate(const Oid& start) {
    resolve({start, false});
    if (const auto& place = places_.at({start, false})) return place;
    resolve({start, true});
    return places_.at({start, true});
  }

  void resolve(const Key& start) {
    std::vector<Key> pending{start};
    while (!pending.empty()) {
      const Key key = pending.back();
      if (places_.contains(key)) {
        pending.pop_back();
        continue;
      }
      const std::size_t before = pending.size();
      const auto place = settle(key, pending);
      if (pending.size() > before) continue;  // what it depends on comes first
      places_.emplace(key, place);
      pending.pop_back();
    }
  }

  /// The place of one commit; adds to `pending` what has to be known before.
  std::optional<Place> settle(const Key& key, std::vector<Key>& pending) {
    const auto& [commit, other] = key;
    const std::vector<Oid> parents = parents_of(commit);
    const auto known = [&](const Key& needed) {
      const auto found = places_.find(needed);
      if (found == places_.end()) pending.push_back(needed);
      return found == places_.end() ? std::nullopt : found->second;
    };
    if (!row_.with(commit, other ? other_form_ : path_).step())
      return parents.empty() ? std::nullopt : known({parents.front(), other});
    const auto place =
        row_.is_null(0) ? std::nullopt : std::optional(Place{commit, row_.digest(0)});
    row_.restart();
    if (!place || parents.size() < 2) return place;
    for (const Oid& parent : parents) {
      auto side = known({parent, false});
      if (!side) side = known({parent, true});
      if (side && side->manifest == place->manifest) return side;
    }
    return place;
  }

  ModelNode node_at(const Oid& commit) {
    ModelNode node;
    node.commit = commit;
    Statement query(database_, "SELECT author, time, subject FROM commits WHERE oid = ?");
    if (query.with(commit).step()) {
      node.author = query.text(0);
      node.time = query.integer(1);
      node.subject = query.text(2);
    }
    node.manifest = locate(commit)->manifest;
    node.rebase = rebase_of(commit);
    node.merge = merge_of(commit);
    node.evaluations = evaluations_of(node.manifest);
    const std::vector<Oid> parents = parents_of(commit);
    node.combines = parents.size() > 1;
    if (node.rebase && node.rebase->origin)
      if (const auto origin = locate(*node.rebase->origin)) node.from.push_back(origin->commit);
    if (!node.from.empty()) return node;
    for (const Oid& parent : parents) {
      const auto side = locate(parent);
      if (side && std::find(node.from.begin(), node.from.end(), side->commit) == node.from.end())
        node.from.push_back(side->commit);
    }
    return node;
  }

  /// Where the weights of a node that is neither a merge nor a rebase come from.
  void settle_origin(ModelNode& node) {
    if (node.back_to) node.from = {*node.back_to};
    if (node.back_to || node.combines || node.rebase || node.from.empty()) return;
    node.resemblance = compare_(node.from.front(), node.commit);
    if (node.resemblance != Resemblance::kOtherTraining) return;
    node.replaces = node.from.front();
    node.from.clear();
  }

  std::optional<RebaseRecord> rebase_of(const Oid& commit) {
    Statement query(database_,
                    "SELECT origin, onto, method, seed, permutation FROM rebases WHERE oid = ?");
    if (!query.with(commit).step()) return std::nullopt;
    RebaseRecord record;
    if (!query.is_null(0)) record.origin = query.oid(0);
    if (!query.is_null(1)) record.onto = query.oid(1);
    record.method = query.text(2);
    record.seed = query.text(3);
    if (!query.is_null(4)) record.permutation = query.digest(4);
    Statement specs(database_, "SELECT spec, proof FROM specs WHERE oid = ? ORDER BY position");
    specs.with(commit);
    while (specs.step()) record.specs.push_back({specs.digest(0), specs.text(1)});
    return record;
  }

  std::optional<MergeRecord> merge_of(const Oid& commit) {
    Statement query(database_,
                    "SELECT model, strategy, weights, base FROM merges WHERE oid = ?"
                    " AND model IN (?, ?, '') ORDER BY position");
    if (!query.with(commit, path_, other_form_).step()) return std::nullopt;
    MergeRecord record;
    record.model = query.text(0);
    record.strategy = query.text(1);
    record.weights = query.text(2);
    record.base = query.text(3);
    return record;
  }

  std::vector<EvaluationRecord> evaluations_of(const Digest& manifest) {
    Statement query(database_,
                    "SELECT oid, path, data, data_name, loss_name, loss, accuracy, samples,"
                    " recorded FROM evaluations WHERE checkpoint = ?"
                    " ORDER BY recorded, oid, position");
    query.with(manifest);
    std::map<std::pair<std::string, Digest>, EvaluationRecord> latest;
    while (query.step()) {
      EvaluationRecord record;
      record.commit = query.oid(0);
      record.path = query.text(1);
      record.checkpoint = manifest;
      record.data = query.digest(2);
      record.data_name = query.text(3);
      record.loss_name = query.text(4);
      record.result.loss =
          query.is_null(5) ? std::numeric_limits<double>::quiet_NaN() : query.real(5);
      if (!query.is_null(6)) record.result.accuracy = query.real(6);
      record.result.samples = static_cast<std::uint64_t>(query.integer(7));
      record.recorded = query.integer(8);
      latest[{record.data_name + '\0' + record.loss_name, record.data}] = record;
    }
    std::vector<EvaluationRecord> records;
    records.reserve(latest.size());
    for (auto& [key, record] : latest) records.push_back(std::move(record));
    return records;
  }

  Database& database_;
  const std::string& path_;
  std::string other_form_;
  const Compare& compare_;
  std::map<Key, std::optional<Place>> places_;
  Statement parents_{database_, "SELECT parent FROM parents WHERE child = ? ORDER BY position"};
  Statement row_{database_, "SELECT manifest FROM checkpoints WHERE oid = ? AND path = ?"};
};

}  // namespace

std::vector<ModelNode> model_history(
    Database& database, const Oid& commit, const std::string& path,
    const std::function<Resemblance(const Oid& older, const Oid& newer)>& compare) {
  return HistoryWalk(database, path, compare).run(commit);
}

TensorChange tensor_change(Database& database, const Digest& older, const Digest& newer) {
  Statement query(database,
                  "SELECT count(*), total(old.object IS NULL) FROM tensors AS new"
                  " LEFT JOIN tensors AS old ON old.manifest = ? AND old.name = new.name"
                  " AND old.object = new.object WHERE new.manifest = ?");
  if (!query.with(older, newer).step()) return {};
  return {query.integer(0), query.integer(1)};
}

}  // namespace mgit
