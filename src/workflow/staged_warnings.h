// Weights on their way into git itself, where they stay forever, whole; and lines of .gitattributes
// that take from a checkpoint what mgit does for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// A file that is about to be committed.
struct StagedPath {
  std::string path;
  bool is_new = false;      // not in HEAD
  bool is_link = false;     // symbolic
  bool is_covered = false;  // by a pattern of mgit's, whatever other lines say
  std::map<std::string, std::string> attributes{};  // filter, diff, merge, text
};

/// The attributes that StagedPath has.
const std::vector<std::string>& attributes_for_warnings();

/// What to say about a file that .gitattributes does not give to mgit: lines, if it is large and a
/// checkpoint, or of a kind that usually holds weights, or if a pattern of mgit's covers it.
std::vector<std::string> unfiltered_warnings(const Repository& repository, const StagedPath& file);

/// What to say about a checkpoint that is new: lines that other attributes spoil, and other files
/// that hold its weights and are not mgit's.
std::vector<std::string> checkpoint_warnings(const Repository& repository, const StagedPath& file);

}  // namespace mgit
