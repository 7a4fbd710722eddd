// Remotes that are paths or file:// URLs: the store of the repository that lies there.
#pragma once

#include "remote/object_remote.h"

namespace mgit {

bool is_path_url(std::string_view url);
std::unique_ptr<ObjectRemote> open_path_remote(const Repository& ours, std::string_view url);

inline constexpr RemoteKind kPathRemotes{"paths and file:// URLs", is_path_url, open_path_remote};

}  // namespace mgit
