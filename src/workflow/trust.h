// Nothing fetched runs: networks that .mgitconfig names are code, and need the user's consent. So
// does a place for objects that it names (remote/object_location.h), to which keys and models would
// go.
//
// Consent for a network is the SHA-256 of the file, in this repository's .git/config
// (mgit.trustedGraph), which no clone or fetch brings along.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct ProposedGraph {
  std::string model;  // its name in .mgitconfig
  std::string path;   // as written there
  std::uint64_t size = 0;
  Digest digest;
  bool trusted = false;
};

/// The networks that the working tree's .mgitconfig names. Throws MissingError for one that is not
/// there.
std::vector<ProposedGraph> proposed_graphs(const Repository& repository);

void trust_graph(const Repository& repository, const ProposedGraph& graph);

/// Throws Error with a hint unless the file's content is trusted.
void require_trusted(const Repository& repository, const std::filesystem::path& graph);

}  // namespace mgit
