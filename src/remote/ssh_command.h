// How git reaches a host over ssh: URLs, and the command that it would start (git's connect.c).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// What an ssh URL names.
struct SshAddress {
  std::string host;  // with "user@" where that is given
  std::string port;  // empty: ssh's own
  std::string path;  // as the far side is to see it: "~user/x" of "/~user/x"
};

/// ssh://[user@]host[:port]/path and git's other spellings of the scheme, [user@]host:path; nullopt
/// for everything else. Nothing is refused here.
std::optional<SshAddress> parse_ssh_url(std::string_view url);

/// git's own ssh command: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH, ssh; GIT_SSH_VARIANT,
/// ssh.variant. One that is not configured may be started to find out what it takes.
class SshCommand {
 public:
  /// Throws Error for a host or a path that would be taken for an option, and for a port where the
  /// variant takes none. `url` is for messages.
  SshCommand(const Repository& repository, SshAddress address, std::string_view url);

  /// That runs `command`, a program's name and options as the shell over there reads them, with the
  /// path as its last argument, or with `last` behind it.
  std::vector<std::string> running(const std::string& command, const std::string& last = {}) const;
  /// That starts a subsystem of the server; nullopt where the variant has no option for it.
  std::optional<std::vector<std::string>> subsystem(const std::string& name) const;
  const std::string& path() const { return address_.path; }
  /// The host, for messages.
  const std::string& host() const { return address_.host; }

 private:
  std::vector<std::string> program() const;

  SshAddress address_;
  std::string command_;
  bool through_shell_ = false;
  bool has_subsystems_ = true;
  std::vector<std::string> options_;
};

/// Of what ssh or a program over there wrote to stderr, the last line that says something.
std::string last_words(std::string_view errors);

/// Variables that are about a repository on this side, and are nothing to whatever runs elsewhere.
const std::vector<std::string>& repository_variables();

}  // namespace mgit
