// Operations as the history records them: what a rebase or a merge did to the models of a commit.
//
// The one place that writes and reads mgit's trailers and the notes that mirror them
// (refs/notes/mgit/operation). A commit's own message wins; where it holds no record (an amended or
// squashed commit, a message that was cleaned up), its note stands in. Whatever stands there was
// written by other versions and by people: reading never fails, and what cannot be believed is left
// out. docs/formats.md has the trailers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

inline constexpr const char* kOperationNotes = "refs/notes/mgit/operation";

struct SpecRecord {
  Digest spec;
  std::string proof;
  bool operator==(const SpecRecord&) const = default;
};

/// Mgit-Rebase, Mgit-Permutation, Mgit-Spec (one per model that moved), Mgit-Origin.
struct RebaseRecord {
  std::optional<Oid> onto;
  std::optional<Oid> origin;  // a full name as it stands there; whether it exists is not checked
  std::string method;
  std::string seed;
  std::string weighting{};  // of the sums; empty where it is not recorded
  std::string order{};      // of the groups; empty: random
  std::optional<Digest> permutation{};
  std::vector<SpecRecord> specs;
  bool operator==(const RebaseRecord&) const = default;
};

/// A permutation that brought a parent's model into the basin of the first parent's.
struct MergedPermutation {
  Digest permutation;
  std::size_t parent = 2;   // counted from 1
  std::string method{};     // how it was found; empty where it is not recorded
  std::string weighting{};  // as RebaseRecord's
  std::string many{};       // how several models were matched as one; empty: with the first alone
  bool operator==(const MergedPermutation&) const = default;
};

/// Mgit-Merge, Mgit-Merge-Tensors, Mgit-Merge-Repair, Mgit-Base, Mgit-Merge-Permutation,
/// Mgit-Merge-Spec of one model.
struct MergeRecord {
  std::string model;     // its path; empty: the only one
  std::string strategy;  // "none": every tensor is one side's
  std::string weights;   // separated by blanks, one for each parent
  std::string tensors;   // how many became what: "combined 4 parent-1 2"
  std::string base;      // a commit, "none", or empty if not recorded
  std::vector<MergedPermutation> permutations;
  std::vector<SpecRecord> specs;
  std::string repair{};  // how running statistics were set, and how many: "norm-variance 9"
  bool operator==(const MergeRecord&) const = default;
};

/// Mgit-Repair, Mgit-Repair-Data, Mgit-Repair-Graph: one model, fitted to data.
struct RepairRecord {
  std::string model;   // its path; empty: the only one
  std::string method;  // what was done, and to how many: "least-squares 9 batch-norm-reset 9"
  std::optional<Digest> data{};   // SHA-256 of the data's file
  std::string samples{};          // how many of it were used
  std::optional<Digest> graph{};  // SHA-256 of the network's file
  bool operator==(const RepairRecord&) const = default;
};

struct OperationRecord {
  std::optional<RebaseRecord> rebase;
  std::vector<MergeRecord> merges;      // each model once; where it stands twice, the last counts
  std::vector<RepairRecord> repairs{};  // as the merges
  bool empty() const { return !rebase && merges.empty() && repairs.empty(); }
  /// The merge of this model; nullptr if none is recorded.
  const MergeRecord* merge_of(const std::string& path) const;
  const RepairRecord* repair_of(const std::string& path) const;
  bool operator==(const OperationRecord&) const = default;
};

/// The `Mgit-` trailers of a message, or of a note that holds nothing else.
std::vector<Trailer> operation_trailers(std::string_view message);
std::vector<Trailer> note_trailers(std::string_view note);

OperationRecord parse_operation(const std::vector<Trailer>& trailers);
/// What parse_operation reads back as an equal record.
std::vector<Trailer> trailers_for(const OperationRecord& record);

/// `message` with this record's rebase in place of the one that it holds, if any. Its merges stay;
/// those that only a note had are added.
std::string with_rebase(std::string_view message, const OperationRecord& record);

/// The lines of a note.
std::string note_text(const OperationRecord& record);
/// Puts notes on commits, all at once. Throws Error; then there is none of them.
void write_operation_notes(const Repository& repository,
                           const std::vector<std::pair<Oid, OperationRecord>>& records);
/// Mirrors what the message of `commit` records in a note, unless it has one.
void mirror_operation(Repository& repository, const Oid& commit);

/// Objects that a commit's trailers or its note name: permutations and specs. Not only of records
/// that this version understands.
std::vector<Digest> objects_named_by(const std::vector<Trailer>& trailers);

/// Reads the records of many commits: a commit's own, or its note's. Keeps a reference to the
/// repository; belongs to its thread. Few commits ask git for each note, many read all of them
/// once.
class OperationReader {
 public:
  explicit OperationReader(const Repository& repository);
  OperationRecord of(const Commit& commit);
  /// The `Mgit-` trailers that count for a commit.
  std::vector<Trailer> trailers(const Commit& commit);
  /// True if message and note record the same operation otherwise. The message is what counts.
  bool disagree(const Commit& commit);

 private:
  std::optional<std::string> note(const Oid& commit);

  const Repository& repository_;
  bool has_notes_;
  std::size_t asked_ = 0;
  std::optional<std::map<Oid, std::string>> all_;
};

}  // namespace mgit
