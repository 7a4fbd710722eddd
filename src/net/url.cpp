#include "net/url.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"

namespace mgit {
namespace {

bool is_scheme(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
}

std::string_view own_port(std::string_view scheme) {
  if (scheme == "https") return "443";
  return scheme == "http" ? "80" : "";
}

/// A name, or an IPv6 address in brackets; and digits.
bool is_authority(std::string_view host, std::string_view port) {
  if (host.starts_with('[') ? !host.ends_with(']') : host.find(':') != std::string_view::npos)
    return false;
  return !host.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
}

void take_user(Url& url, std::string_view text) {
  const std::size_t colon = text.find(':');
  url.user = percent_decoded(text.substr(0, colon));
  if (colon != std::string_view::npos) url.password = percent_decoded(text.substr(colon + 1));
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

std::optional<Url> Url::parse(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) return std::nullopt;
  Url url;
  url.scheme = lower_case(text.substr(0, colon));
  text = text.substr(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, end);
  text = text.substr(end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    take_user(url, authority.substr(0, at));
    authority = authority.substr(at + 1);
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t port = authority.rfind(':');
  if (port != std::string_view::npos && (bracket == std::string_view::npos || port > bracket)) {
    url.port = authority.substr(port + 1);
    authority = authority.substr(0, port);
  }
  url.host = lower_case(authority);
  if (url.port == own_port(url.scheme)) url.port.clear();
  text = text.substr(0, text.find('#'));
  const std::size_t query = text.find('?');
  url.path = text.substr(0, query);
  if (query != std::string_view::npos) url.query = text.substr(query + 1);
  return is_authority(url.host, url.port) ? std::optional(url) : std::nullopt;
}

std::string Url::authority() const { return port.empty() ? host : host + ":" + port; }
std::string Url::origin() const { return scheme + "://" + authority(); }
std::string Url::shown() const { return origin() + path; }
std::string Url::text() const { return query.empty() ? shown() : shown() + "?" + query; }

std::string shown_url(std::string_view text) {
  const auto url = Url::parse(text);
  return url ? url->shown() : std::string(text);
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) {
      result += text[i];
      continue;
    }
    result += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return result;
}

std::string percent_encoded(std::string_view text, bool slashes) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || (c == '/' && !slashes))
      result += c;
    else
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

}  // namespace mgit
