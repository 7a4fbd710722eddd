// Rewrites trees, commits and tags: files change, everything else stays as it is, byte for byte.
//
// Authors, committers, dates, messages, encodings and the shape of history are kept. What would not
// hold any longer is dropped from objects that change: signatures, and tags embedded in merges.
// Belongs to one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "git/object_database.h"

namespace mgit {

class HistoryRewriter {
 public:
  /// What stands in a file's place; nullopt: the file goes.
  using FileRule = std::function<std::optional<Oid>(const std::string& path, const RawEntry& file)>;
  /// Changes the entries of a commit's whole tree after its files were rewritten; not called where
  /// none but .gitattributes has changed.
  using RootRule = std::function<void(std::vector<RawEntry>& entries)>;

  HistoryRewriter(ObjectDatabase& objects, FileRule file_rule, RootRule root_rule);

  /// Parents before children. Remembers what became of it.
  Oid commit(const Oid& id);
  /// A tag of commits rewritten before (or of such a tag); unchanged where they are.
  Oid tag(const Oid& id);
  /// What became of a commit; itself if it was not rewritten.
  Oid now(const Oid& commit) const;
  const std::map<Oid, Oid>& commits() const { return commits_; }
  std::size_t dropped_signatures() const { return dropped_signatures_; }

 private:
  struct Subtree {
    std::optional<Oid> id;  // nullopt: nothing is left in it
    bool files_changed = false;
  };

  Oid root(const Oid& tree);
  const Subtree& subtree(const Oid& tree, const std::string& prefix);
  std::vector<RawEntry> entries(const Oid& tree, const std::string& prefix, bool& files_changed);

  ObjectDatabase& objects_;
  FileRule file_rule_;
  RootRule root_rule_;
  std::map<Oid, Oid> commits_;
  std::map<Oid, Oid> roots_;
  std::unordered_map<std::string, Subtree> trees_;  // by id and prefix
  std::size_t dropped_signatures_ = 0;
};

/// Calls `visit` once for every different (path, blob) of regular files in these commits.
void visit_files(const ObjectDatabase& objects, const std::vector<Oid>& commits,
                 const std::function<void(const std::string& path, const Oid& blob)>& visit);

/// A ref that moves; nullopt: it was not there.
struct RefChange {
  std::string name;
  std::optional<Oid> before;
  Oid after;
};

/// All of them or none, with reflogs. Throws Error if one has moved meanwhile.
void update_refs(const Repository& repository, const std::vector<RefChange>& changes,
                 const std::string& log_message);

}  // namespace mgit
