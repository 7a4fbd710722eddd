// Remotes over ssh: `mgit serve` on the far side, started by git's own ssh command.
#pragma once

#include "remote/object_remote.h"

namespace mgit {

bool is_ssh_url(std::string_view url);
/// Nothing is connected before the first question.
std::unique_ptr<ObjectRemote> open_ssh_remote(const Repository& repository, std::string_view url);

inline constexpr RemoteKind kSshRemotes{"ssh", is_ssh_url, open_ssh_remote};

}  // namespace mgit
