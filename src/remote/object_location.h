// Where the objects of a git remote lie: with it, or at another place that is named for them.
#pragma once

#include <string>
#include <string_view>

#include "mgit/git.h"

namespace mgit {

struct ObjectLocation {
  std::string url;
  /// False: .mgitconfig names it, a file that came with the repository, and nobody accepted that.
  /// It may be read without credentials, and nothing is sent there.
  bool trusted = true;
};

/// In order: remote.NAME.mgitObjects of the configuration, for the remote that has this URL;
/// objects.url of .mgitconfig, in the working tree or else in HEAD; the URL itself.
ObjectLocation object_location(const Repository& repository, std::string_view remote_url);

/// For messages: without user and password.
std::string shown_location(const ObjectLocation& location);
/// The same of any URL.
std::string shown_url(std::string_view url);

/// objects.url of .mgitconfig, where that names one over HTTPS or on S3, and whether it is trusted;
/// an empty URL where it names none.
ObjectLocation proposed_objects(const Repository& repository);
/// From now on, in this repository (mgit.trustedObjects in .git/config, which no clone brings).
void trust_objects(const Repository& repository, const std::string& url);

}  // namespace mgit
