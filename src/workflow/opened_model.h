// A model as the user names it: a revision ("main", "main:model.safetensors") or a checkpoint file.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "mgit/workspace.h"

namespace mgit {

/// A model that is open for reading. Keeps a reference to the store of the repository.
struct OpenedModel {
  std::string name;                  // as the user wrote it
  std::optional<Oid> commit;         // nullopt: a file
  std::string path;                  // in the repository, or of the file
  std::optional<Digest> checkpoint;  // SHA-256 of the manifest text, of a committed model
  std::unique_ptr<TensorSource> file;
  std::string prefix;  // what the names of its weights begin with
};

/// Fetches what the store lacks. `repository` may be null: then only files. `model_name` is a name
/// in .mgitconfig, for a commit with several models; empty: the only one. Throws MissingError if
/// nothing has that name.
OpenedModel open_named_model(const Workspace* repository, const std::string& name,
                             const std::string& model_name);

/// The section of .mgitconfig that is meant; nullopt if the file has none. Throws MissingError if
/// there is none of that name.
std::optional<ModelConfig> configured_model(const Repository* repository, const std::string& name);

/// The section whose path this is; nullopt if the file has none.
std::optional<ModelConfig> config_of_path(const Repository& repository, const std::string& path);

/// REV:PATH's, else the configured one; empty: the only one there is.
std::string path_in_commit(const Repository& repository, const std::string& name,
                           const std::string& model_name);

}  // namespace mgit
