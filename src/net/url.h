// URLs of other machines, taken apart and put together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mgit {

struct Url {
  std::string scheme;                     // lower case
  std::optional<std::string> user{};      // decoded
  std::optional<std::string> password{};  // decoded
  std::string host;                       // lower case; an IPv6 address in its brackets
  std::string port{};                     // empty: the scheme's own
  std::string path{};                     // as written: empty, or with its "/"
  std::string query{};                    // without "?"

  /// nullopt: not "scheme://host…".
  static std::optional<Url> parse(std::string_view text);
  /// "https://host:port": what credentials and trust are bound to. A scheme's own port is left out.
  std::string origin() const;
  /// Host, and the port where it is not the scheme's own.
  std::string authority() const;
  /// Everything but user and password.
  std::string text() const;
  /// For people: without user, password and query, which may be a signature.
  std::string shown() const;
};

/// The same for text of any kind; what is no URL is left as it is.
std::string shown_url(std::string_view text);

/// %20 and the like; what is no such sequence stays as it is.
std::string percent_decoded(std::string_view text);
/// RFC 3986: all but letters, digits and "-._~", and "/" where `slashes` says so.
std::string percent_encoded(std::string_view text, bool slashes);

/// ASCII alone.
std::string lower_case(std::string_view text);

}  // namespace mgit
