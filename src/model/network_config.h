// The config.json beside a checkpoint, as transformers writes it: what shapes do not show.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mgit/git.h"
#include "mgit/perm.h"

namespace mgit {

/// Numbers, texts, true and false; keys of objects inside with dots, lists left out. Empty if the
/// text is no JSON object.
NetworkConfig parse_network_config(std::string_view json);

/// Of the model at `path`: in a commit, or for nullopt (and without a repository) on disk. Empty
/// if there is none.
NetworkConfig network_config(const Repository* repository, const std::optional<Oid>& commit,
                             const std::string& path);

}  // namespace mgit
