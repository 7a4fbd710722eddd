// A file on its way through git's clean filter.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "worktree/previous_versions.h"
#include "worktree/received_content.h"

namespace mgit {

class Workspace;

/// Takes the content piece by piece and stores it; the file of the working tree, which is nearly
/// always what git sends, is being stored while git still sends it.
class CleanFilter {
 public:
  /// `path` from the top of the working tree.
  CleanFilter(Workspace& repository, PreviousVersions& previous, std::string path);
  ~CleanFilter();

  void append(std::string_view part);
  /// After the last piece: the text that stands for the file in git. What textconv said of a
  /// checkpoint stays as it is: git blame compares that. Throws Error if the file changed
  /// meanwhile; then nothing is stored.
  std::string finish();

 private:
  class EarlyIngest;

  void start();

  Workspace& repository_;
  PreviousVersions& previous_;
  std::string path_;
  ReceivedContent content_;
  bool started_ = false;
  std::optional<std::string> staged_;  // what the index has, where nothing has changed since
  std::unique_ptr<EarlyIngest> early_;
};

}  // namespace mgit
