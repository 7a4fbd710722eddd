// Lineage: which model came from which, by what operation, with what options, and how good it is.
//
// .git/mgit/lineage.db is an index over git: commits, the checkpoints and tensors they hold,
// rebases and merges from trailers, evaluations from notes (refs/notes/mgit/eval). It holds nothing
// that git does not; deleted, it is rebuilt. What it contains is what refs (and HEAD) reach.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

inline constexpr const char* kEvalNotes = "refs/notes/mgit/eval";

/// What an evaluation found.
struct Measurement {
  double loss = 0;                 // mean over samples
  std::optional<double> accuracy;  // 0..1, for classification
  std::uint64_t samples = 0;
};

/// One evaluation as recorded: of the checkpoint at `path` in `commit`.
struct EvaluationRecord {
  Oid commit;
  std::string path;
  Digest checkpoint;  // SHA-256 of the manifest text
  Digest data;        // SHA-256 of the data file
  std::string data_name;
  std::string loss_name;
  Measurement result;
  std::int64_t recorded = 0;  // seconds since the epoch
};

class Lineage {
 public:
  /// Opens common_dir/mgit/lineage.db; creates it if needed.
  explicit Lineage(const Workspace& repository);
  ~Lineage();

  /// Brings the index up to date with refs and notes: adds what is new, drops what no ref reaches.
  /// Cheap when nothing changed.
  void update();
  /// Empties the index and fills it from git alone.
  void rebuild();

  /// Stores the evaluation as a git note and in the index.
  void record(Repository& repository, const EvaluationRecord& evaluation);

  /// How the models of a commit came to be (or that at `path`): text for people, newest first.
  /// Throws MissingError if there is none.
  std::string describe(const Oid& commit, bool colour, const std::string& path = {}) const;
  /// As JSON, one document.
  std::string describe_json(const Oid& commit, const std::string& path = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mgit
