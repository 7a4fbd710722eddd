// mgit install and uninstall: filters, drivers, hooks and fetch refspecs of one repository.
//
// What was there before is kept in <common dir>/mgit/ (install.json, config.before), so that
// uninstall gives back the configuration file and the hooks byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct InstallOptions {
  /// Plain git merge makes a merge commit where it could fast-forward (merge.ff=false, with
  /// pull.ff=true). git then refuses `git merge --squash`.
  bool no_fast_forward = false;
  /// Refuse pushes that do not verify: as a whole by pre-receive, or ref by ref by update. A bare
  /// repository gets that hook alone, any other one beside all else.
  enum class Server : std::uint8_t { kNo, kPreReceive, kUpdate };
  Server server = Server::kNo;
};

struct InstallReport {
  std::vector<std::string> kept_hooks;  // names of hooks that were there and are called first
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
};

/// Installing again starts from what was there before the first time.
InstallReport install(const Repository& repository, const InstallOptions& options = {});

/// Returns warnings about what could not be restored. Throws Error if mgit is not installed here.
std::vector<std::string> uninstall(const Repository& repository);

/// Partly: an installation was cut short, and some of its settings may be lacking.
enum class Installed { kNot, kPartly, kFully };
Installed installed(const Repository& repository);

/// Filter and drivers in the user's own configuration, so that a plain `git clone` gets
/// checkpoints.
void install_globally();
void uninstall_globally();

/// "key=value" of the filter, for `git -c` in front of a clone.
std::vector<std::string> filter_settings();

/// Where refs that mgit shares arrive when `remote` is fetched.
std::vector<std::string> shared_refspecs(const std::string& remote);

/// Puts them in the place of what installations of before wrote, which made a fetch that prunes
/// delete originals of rebases that were made here.
void update_shared_refspecs(const Repository& repository);

}  // namespace mgit
