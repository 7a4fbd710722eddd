// .gitattributes: which files are checkpoints, and the lines that make them so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "git/attribute_lines.h"
#include "mgit/git.h"

namespace mgit {

/// Where .gitattributes is read: the index is what a commit made now will give to every clone, so
/// the attributes file of the user's configuration does not count there.
enum class AttributesOf { kWorkingTree, kIndex };

/// Other files than git's own; empty: git's.
struct AttributeSources {
  std::string index{};
  std::string attributes_file{};  // in the place of core.attributesFile
};

/// What git says of these paths (relative to the top of the working tree): for each of them the
/// value of each attribute; "unspecified" where no line speaks of it, "unset" for a minus.
std::vector<std::map<std::string, std::string>> attributes_of(
    const Repository& repository, const std::vector<std::string>& paths,
    const std::vector<std::string>& names, AttributesOf where = AttributesOf::kWorkingTree,
    const AttributeSources& sources = {});

/// Which of these paths (relative to the top of the working tree) have filter=mgit. One entry per
/// path.
std::vector<bool> tracked_by_mgit(const Repository& repository,
                                  const std::vector<std::string>& paths);

/// The lines of .gitattributes at the top of the working tree that name a pattern.
std::vector<AttributeLine> attribute_lines(const Repository& repository);

/// The patterns that .gitattributes at the top of the working tree gives to mgit, in order.
std::vector<std::string> tracked_patterns(const Repository& repository);

/// Which of these paths the tracked patterns cover, whatever other lines say.
std::vector<bool> covered_by_patterns(const Repository& repository,
                                      const std::vector<std::string>& paths);

/// Adds "PATTERN filter=mgit diff=mgit merge=mgit -text"; other lines stay as they are. False if it
/// was tracked already.
bool track(const Repository& repository, const std::string& pattern);

/// Takes the pattern's line away. False if there was none.
bool untrack(const Repository& repository, const std::string& pattern);

}  // namespace mgit
