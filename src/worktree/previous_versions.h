// What a file that is being stored is probably a new version of.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "worktree/kept_whole.h"

namespace mgit {

/// Looks in HEAD, which is listed once however many files are asked about; a HEAD that moved is
/// listed anew. One thread. Of a repository, which has to live longer.
class PreviousVersions {
 public:
  explicit PreviousVersions(const Repository& repository)
      : repository_(repository), kept_whole_(repository) {}

  /// HEAD's version of the file; for one that is new the checkpoint of HEAD that it is most like:
  /// renamed, or the one saved before it. No manifest if there is none, or a
  /// damaged one; a wrong guess costs a look.
  Manifest of(const std::string& path);

  /// True if the index has the file as it is, whole.
  bool is_kept_whole(const std::string& path, Bytes content) {
    return kept_whole_.has(path, content);
  }

 private:
  std::optional<std::string> sibling(const std::string& path);
  const std::string& latest_that_begins(const std::vector<std::string>& names,
                                        const std::string& path, std::size_t shared);

  const Repository& repository_;
  KeptWhole kept_whole_;
  std::optional<Oid> head_;
  bool listed_ = false;
  std::map<std::string, std::vector<std::string>> names_;  // of HEAD by ending, sorted
  std::map<std::string, std::string> latest_;              // by ending and beginning
};

}  // namespace mgit
