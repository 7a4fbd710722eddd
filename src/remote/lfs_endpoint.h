// Where a repository's Git LFS server is, found as git-lfs finds it.
#pragma once

#include <optional>
#include <string>

#include "mgit/git.h"

namespace mgit {

struct LfsEndpoint {
  std::string url;  // https://host/…/info/lfs, with credentials where it was said so
  /// Said by a file that came with the repository, and at another host than the remote itself.
  bool elsewhere_by_file = false;
};

/// For a remote's URL. In git's order: lfs.pushurl (for an upload), lfs.url,
/// remote.NAME.lfspushurl, remote.NAME.lfsurl, each from the configuration, then from .lfsconfig;
/// else the remote's own URL with "/info/lfs". nullopt: none over HTTP.
std::optional<LfsEndpoint> lfs_endpoint(const Repository& repository, std::string_view remote_url,
                                        bool upload);

/// ".git/info/lfs" behind a URL of git over HTTP, as it has to be written there.
std::string lfs_url_of(std::string_view remote_url);

/// The name of the configured remote that has this URL (for fetching or pushing, also as git shows
/// it, without credentials); empty if there is none.
std::string remote_with_url(const Repository& repository, std::string_view url);

/// A file of the working tree, or where there is none of that name, of HEAD; empty: in neither.
std::string committed_text(const Repository& repository, const std::string& path);

}  // namespace mgit
