// What mgit spec prints.
#pragma once

#include <string>

#include "base/json.h"
#include "mgit/perm.h"
#include "model/graph_spec.h"

namespace mgit::cli {

Json to_json(const Spec& spec);
/// Architecture, proof, coverage, and how much can move.
void print_summary(const Spec& spec);
/// Every group with its size and where it stands.
void print_groups(const Spec& spec);

/// Comments before a spec that was derived: what it comes from, what stays as it is, and why.
std::string derived_head(const std::string& graph, const ModelDerivation& found);

/// Two specs of one network, and what the user calls them.
struct NamedSpec {
  const Spec& spec;
  const std::string& name;
};
Json to_json(const SpecComparison& comparison, const Spec& a, const Spec& b);
void print_comparison(const SpecComparison& comparison, const NamedSpec& a, const NamedSpec& b);

}  // namespace mgit::cli
