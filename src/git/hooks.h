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

  // Not kept in the record of an installation:
  std::filesystem::path called{};    // whose hooks ours call, where they are not beside ours
  std::vector<std::string> kept{};   // names of hooks that were there and are called first
  std::vector<std::string> notes{};  // what the user should know
};

/// Where git looks for hooks (core.hooksPath is respected).
std::filesystem::path hooks_directory(const Repository& repository);

/// Those of a repository that people work in.
const std::vector<std::string>& client_hooks();

/// Writes these hooks of mgit; one that is there already is kept as NAME.before-mgit and called
/// first. `command` is how a shell calls mgit.
///
/// A directory of core.hooksPath that is not this repository's alone (outside of it, or with files
/// that git tracks or that husky writes) is not touched: mgit's hooks go to <common
/// dir>/mgit/hooks, with one for each that is there, and call those. core.hooksPath has to name
/// that directory then; `called` is not empty. Where the pre-commit framework has a hook, mgit's
/// takes the place that it calls: NAME.legacy.
InstalledHooks put_hooks(const Repository& repository, const std::string& command,
                         const std::vector<std::string>& names = client_hooks());

/// Takes them away and puts back what was there before. Returns one line for every hook that was
/// left because somebody changed it.
std::vector<std::string> remove_hooks(const InstalledHooks& hooks);

/// True if git will run mgit's hook of this name.
bool has_hook(const Repository& repository, const std::string& name);

/// True if somebody else's hook of that name runs, alone or after ours.
bool has_foreign_hook(const Repository& repository, const std::string& name);

}  // namespace mgit
