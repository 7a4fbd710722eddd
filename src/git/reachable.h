// Every text by which a repository can refer to tensor objects.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "mgit/git.h"

namespace mgit {

struct ReachableText {
  enum class Kind { kCommit, kTag, kBlob, kState };
  Kind kind = Kind::kBlob;
  Oid id;            // zero for kState: a file of git's or mgit's in the git directory
  std::string path;  // a path the blob has somewhere; the file for kState
  std::string_view text;
  bool by_reflog_alone = false;
};

/// Walks what refs of every kind, reflogs, and every worktree's HEAD, index and unfinished
/// operations (MERGE_HEAD, ORIG_HEAD, rebase-merge/ …) reach. Belongs to one thread.
class ReachableTexts {
 public:
  explicit ReachableTexts(const Repository& repository) : repository_(repository) {}

  /// Calls `visit` for each text that it has not been called for before; state files every time.
  /// Throws Error if git's own objects are damaged or missing: then nobody knows what is reachable.
  void visit(const std::function<void(const ReachableText&)>& visit);
  /// Of the commits, tags and blobs that a listing names, a line each: "<id> [<path>]", as `git
  /// rev-list --objects` prints them.
  void visit_listed(const std::string& listing,
                    const std::function<void(const ReachableText&)>& visit) {
    visit_objects(listing, visit);
  }
  /// Then: those that git still has, but that nothing reaches.
  void visit_unreachable(const std::function<void(const ReachableText&)>& visit);

 private:
  using Visitor = std::function<void(const ReachableText&)>;
  std::string list(const std::vector<std::string>& arguments, const std::string& ids) const;
  std::string visit_state(const Visitor& visit) const;
  void visit_beyond_refs(const std::string& extra, const Visitor& visit);
  void visit_objects(const std::string& listing, const Visitor& visit);

  const Repository& repository_;
  std::unordered_set<std::string> seen_;  // hex names
  bool by_reflog_alone_ = false;
};

/// Every word of exactly 64 lower-case hex digits.
void for_each_digest(std::string_view text, const std::function<void(const Digest&)>& found);

}  // namespace mgit
