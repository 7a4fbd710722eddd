// Who we are at a host: user and password from the URL, from ~/.netrc, from git's credential
// helpers.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "net/url.h"

namespace mgit {

struct Credential {
  std::string user;
  std::string password;
};

/// The value of an Authorization header.
std::string basic_authorization(const Credential& credential);
std::string base64(std::string_view bytes);

/// The entry for a host in the text of a .netrc, or its default one. What is malformed ends the
/// text.
std::optional<Credential> netrc_entry(std::string_view text, std::string_view host);
/// That of $NETRC or ~/.netrc.
std::optional<Credential> from_netrc(std::string_view host);

/// Asks once for each origin, and tells git's helpers what became of it. Any thread may call.
class Credentials {
 public:
  /// `directory`: of the repository whose configuration names the helpers.
  explicit Credentials(std::string directory) : directory_(std::move(directory)) {}

  /// What is known without asking anybody: given before for this origin, or in the URL.
  std::optional<Credential> known(const Url& url);
  /// After a 401: ~/.netrc, then `git credential fill`, which may ask the user; nullopt if nobody
  /// knows. A credential that was known and is refused now is rejected first, and not tried again.
  std::optional<Credential> ask(const Url& url);
  /// The host took them.
  void approve(const Url& url);

 private:
  struct Entry {
    std::optional<Credential> credential{};
    bool from_git = false;
    bool from_netrc = false;
    bool approved = false;
    int refused = 0;
  };
  /// "fill", "approve" or "reject": git's answer, empty if it has none.
  std::string git_credential(const char* action, const Url& url, const Entry& entry) const;

  std::string directory_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // by origin
};

}  // namespace mgit
