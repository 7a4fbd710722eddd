// Hooks on disk: putting mgit's in place, in front of those that are there, and taking them away.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// What put_hooks() did, to be undone by remove_hooks().
struct InstalledHooks {
  std::filesystem::path directory;
  bool created_directory = false;
  std::vector<std::string> names;
};

/// Where git looks for hooks (core.hooksPath is respected).
std::filesystem::path hooks_directory(const Repository& repository);

/// Writes every hook of mgit; one that is there already is kept as NAME.before-mgit and called
/// first. `command` is how a shell calls mgit. Throws Error, before anything is changed, if a
/// NAME.before-mgit is in the way.
InstalledHooks put_hooks(const Repository& repository, const std::string& command);

/// Takes them away and puts back what was there before. Returns one line for every hook that was
/// left because somebody changed it.
std::vector<std::string> remove_hooks(const InstalledHooks& hooks);

/// True if git will run mgit's hook of this name.
bool has_hook(const Repository& repository, const std::string& name);

/// True if somebody else's hook of that name runs, alone or after ours.
bool has_foreign_hook(const Repository& repository, const std::string& name);

}  // namespace mgit
