// Specs that were derived from a graph in a commit before: reading a graph back out of git, with
// the weights that archives hold, takes longer than deriving.
//
// A file for each in mgit_dir()/derived, named after all that the spec depends on: the graph's
// blob, what the network is given, names, shapes and dtypes of the checkpoint, and this mgit. A
// file that is cut off, changed or of another key counts as not there, and a spec in it is bound to
// the checkpoint again, with every check. Where nothing can be written nothing is kept; of many the
// oldest go. Several processes may read and write at once.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/spec_source.h"

namespace mgit {

/// What a graph allows.
struct AllowedSpec {
  std::string text;    // the spec, as it was derived
  std::string prefix;  // of the weights in the file that it speaks of
  std::string pins;    // in words, why nothing more can move
};

class DerivedSpecs {
 public:
  /// For what `graph`, the blob of a graph, says of the query's model, with weights under one of
  /// the prefixes.
  DerivedSpecs(const SpecQuery& query, const Oid& graph, const std::vector<std::string>& prefixes);

  std::optional<AllowedSpec> find() const;
  void keep(const AllowedSpec& spec) const;

 private:
  std::filesystem::path folder_;
  Digest key_;
};

}  // namespace mgit
