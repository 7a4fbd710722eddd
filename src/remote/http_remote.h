// Remotes over HTTP(S): packs on the Git LFS server of the repository, or, to fetch alone, a copy
// of a store behind any web server.
#pragma once

#include "remote/object_remote.h"

namespace mgit {

bool is_http_url(std::string_view url);
std::unique_ptr<ObjectRemote> open_http_remote(const Repository& repository, std::string_view url);
/// As a plain web server, without credentials.
std::unique_ptr<ObjectRemote> open_web_server(const Repository& repository, std::string_view url);

inline constexpr RemoteKind kHttpRemotes{"https:// URLs with Git LFS", is_http_url,
                                         open_http_remote};

}  // namespace mgit
