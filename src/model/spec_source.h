// Where the permutation spec of a model comes from: a list of sources, asked one after the other. A
// source is one file and one row of the table in spec_source.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/perm.h"
#include "mgit/workspace.h"

namespace mgit {

/// The model that a spec is looked for. Refers to what it was made of.
struct SpecQuery {
  const Workspace* repository;       // may be null: a file that is in none
  const std::optional<Oid>& commit;  // nullopt: the working tree
  const std::string& path;
  const std::vector<TensorInfo>& tensors;
  bool weights_only = false;  // `tensors` were taken out of their file

  /// What .mgitconfig says of the model; empty if it says nothing.
  std::string setting(std::string_view key) const;
  /// What the config.json beside the model says.
  NetworkConfig config() const;
  /// What the names of the weights may begin with, as weight_prefixes has it.
  std::vector<std::string> prefixes() const;
};

struct FoundSpec {
  Spec spec;
  std::optional<std::string> prefix;  // of the weights that it speaks of; nullopt: the whole file
};

/// A spec, or in words why there is none; both empty: this source has nothing to say.
struct SpecAnswer {
  std::optional<FoundSpec> found{};
  std::string why{};
};

struct SpecSource {
  std::string_view name;
  /// Without a spec the next source is asked. Throws Error where there is one that does not fit.
  SpecAnswer (*find)(const SpecQuery& query);
};

/// The first one that has a spec decides.
std::span<const SpecSource> spec_sources();

/// The file that .mgitconfig names.
SpecAnswer spec_of_config(const SpecQuery& query);
/// The graph that .mgitconfig names, if torch.export saved it; or the model, if it is ONNX.
SpecAnswer spec_of_graph(const SpecQuery& query);
/// Holds a spec against the graph that .mgitconfig names, if it names one: its proof is then
/// algebraic. Throws Error if it reorders what the graph does not allow; but not for a TorchScript
/// archive, which may be there for evaluation alone.
void prove_by_graph(const SpecQuery& query, FoundSpec& found);
/// The TorchScript archive that .mgitconfig names for evaluation: what its program allows. Asked
/// last: it may be one that says nothing.
SpecAnswer spec_of_script(const SpecQuery& query);
/// A shipped family that recognises the network.
SpecAnswer spec_of_family(const SpecQuery& query);

}  // namespace mgit
