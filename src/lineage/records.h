// What git carries as text: trailers of rebases and merges, lines of evaluation notes. Written by
// other versions and by people, so whatever is not understood is left out, never an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mgit/lineage.h"

namespace mgit {

/// The `Mgit-` trailers of a message, or of a note that holds nothing else.
std::vector<Trailer> operation_trailers(std::string_view message);
std::vector<Trailer> note_trailers(std::string_view note);

struct SpecRecord {
  Digest spec;
  std::string proof;
};

struct RebaseRecord {
  std::optional<Oid> onto;
  std::optional<Oid> origin;
  std::string method;
  std::string seed;
  std::optional<Digest> permutation;
  std::vector<SpecRecord> specs;
};

std::optional<RebaseRecord> rebase_record(const std::vector<Trailer>& trailers);

/// `model` is the path as the trailer quotes it; empty: the only one.
struct MergeRecord {
  std::string model;
  std::string strategy;
  std::string weights;  // as written, separated by blanks
  std::string base;     // a commit, "none", or empty if not recorded
};

std::vector<MergeRecord> merge_records(const std::vector<Trailer>& trailers);

/// One line of a note: a JSON object. Doubles come back exactly.
std::string evaluation_line(const EvaluationRecord& record);
std::optional<EvaluationRecord> parse_evaluation(const Oid& commit, std::string_view line);
/// All of a note's lines that are evaluations.
std::vector<EvaluationRecord> parse_evaluations(const Oid& commit, std::string_view note);

}  // namespace mgit
