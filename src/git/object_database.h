// Raw git objects: bytes in, bytes out, for rewriting history without changing what is not meant.
//
// Belongs to one thread. Beside a Repository, whose objects they are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

enum class ObjectType : std::uint8_t { kCommit, kTree, kBlob, kTag };

class ObjectDatabase {
 public:
  enum class Mode : std::uint8_t { kWrite, kOnlyName };

  /// kOnlyName: write() says what the object would be called and writes nothing.
  ObjectDatabase(const Repository& repository, Mode mode);
  ~ObjectDatabase();
  ObjectDatabase(const ObjectDatabase&) = delete;
  ObjectDatabase& operator=(const ObjectDatabase&) = delete;

  Mode mode() const { return mode_; }
  /// Throws MissingError if there is none, CorruptError if it is something else.
  std::string read(const Oid& id, ObjectType type) const;
  ObjectType type(const Oid& id) const;
  std::uint64_t size(const Oid& id) const;
  Oid write(std::string_view content, ObjectType type);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Mode mode_;
};

/// A tree's entry as it stands there; odd modes of old repositories stay as they are.
struct RawEntry {
  std::string mode;
  std::string name;
  Oid id;

  bool is_tree() const { return mode == "40000" || mode == "040000"; }
  bool is_file() const { return mode.starts_with("100"); }
};

/// Throws CorruptError.
std::vector<RawEntry> parse_tree(std::string_view content);
std::string tree_content(const std::vector<RawEntry>& entries);
/// Puts a file at its place in git's order, or replaces the one of that name.
void insert_file(std::vector<RawEntry>& entries, RawEntry file);

}  // namespace mgit
