// Which permutation spec a model of a repository has.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mgit/perm.h"
#include "mgit/workspace.h"

namespace mgit {

/// From the first of spec_sources() that has one: the file named in .mgitconfig (as `commit` has
/// it, or the working tree for nullopt), else what the graph named there allows, else the shipped
/// family that recognises the network. `repository` may be null: then only families. Of a training
/// state the weights are recognised, and the spec is one of the whole file. Throws Error if nothing
/// fits.
Spec choose_spec(const Workspace* repository, const std::optional<Oid>& commit,
                 const std::string& path, const std::vector<TensorInfo>& tensors);

/// The spec of the shipped family that recognises the network, for the whole file, whatever
/// .mgitconfig says; nullopt if none does.
std::optional<Spec> family_spec(const Workspace* repository, const std::optional<Oid>& commit,
                                const std::string& path, const std::vector<TensorInfo>& tensors);

/// For weights that were taken out of their file (training_state.h).
Spec choose_weights_spec(const Workspace* repository, const std::optional<Oid>& commit,
                         const std::string& path, const std::vector<TensorInfo>& weights);

/// What the weights of a model in `commit` (the working tree for nullopt) begin their names with.
/// `repository` may be null.
std::string weights_prefix(const Repository* repository, const std::optional<Oid>& commit,
                           const std::string& path, const std::vector<TensorInfo>& tensors);

using NetworkCheck = std::function<SpecCheck(const std::vector<TensorInfo>&, const NetworkConfig&)>;
/// What `check` says of the file, or of the weights in it where the file holds more; where nothing
/// fits, the reasons of the last.
SpecCheck check_model(const Repository* repository, const std::optional<Oid>& commit,
                      const std::string& path, const std::vector<TensorInfo>& tensors,
                      const NetworkCheck& check);

/// The tensors a manifest names, as a network.
std::vector<TensorInfo> infos_of(const Manifest& manifest);

/// The models of a commit, without files that hold no tensors and those that .mgitconfig names as
/// evaluation data or as the graph of a network, but not as a model. Throws as
/// Repository::models_at.
std::vector<CommittedModel> models_at(const Repository& repository, const Oid& commit);

/// The model at `path`, or for an empty path the only one of the commit. `revision` is the commit's
/// name in messages. Throws MissingError, or UsageError where there are several.
CommittedModel require_model(const Repository& repository, const Oid& commit,
                             const std::string& path, const std::string& revision);

/// Throws Error unless the spec may be applied (DESIGN section 5): proved beyond static, or
/// trusted.
void require_proof(const Spec& spec, const std::string& path, bool trusted);

/// The key of a training state that holds the weights of the spec ("model"); empty: the file
/// itself.
std::string weights_place(const Spec& spec);

/// "spec mlp, proof family".
std::string describe_spec(const Spec& spec);

}  // namespace mgit
