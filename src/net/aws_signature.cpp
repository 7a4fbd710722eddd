#include "net/aws_signature.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/hex.h"
#include "mgit/base.h"

namespace mgit {
namespace {

std::string hex(std::string_view bytes) {
  return hex_text({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string hex_sha256(std::string_view text) { return sha256(as_bytes(text)).hex(); }

/// "b&a=1" as "a=1&b=".
std::string sorted_query(std::string_view query) {
  std::vector<std::string> parts;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    std::string part(query.substr(0, end));
    if (part.find('=') == std::string::npos) part += '=';
    parts.push_back(std::move(part));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  // By name, then value: "=" sorts after digits, and a name may be the beginning of another.
  std::ranges::sort(parts, {}, [](const std::string& part) {
    const std::size_t equal = part.find('=');
    return std::pair(part.substr(0, equal), part.substr(equal + 1));
  });
  std::string result;
  for (const std::string& part : parts) result += (result.empty() ? "" : "&") + part;
  return result;
}

}  // namespace

const char* const kEmptyPayload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(data.data()), data.size(), out.data(), &length);
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::vector<std::pair<std::string, std::string>> aws_signature(
    const std::string& method, const Url& url,
    const std::vector<std::pair<std::string, std::string>>& headers,
    const std::string& payload_sha256, const AwsKeys& keys, const AwsScope& scope,
    std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const std::string stamp = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(seconds));
  const std::string day = stamp.substr(0, 8);

  std::vector<std::pair<std::string, std::string>> added{{"x-amz-content-sha256", payload_sha256},
                                                         {"x-amz-date", stamp}};
  if (!keys.session_token.empty()) added.emplace_back("x-amz-security-token", keys.session_token);
  std::map<std::string, std::string> signed_headers(headers.begin(), headers.end());
  signed_headers.insert(added.begin(), added.end());
  signed_headers.emplace("host", url.authority());

  std::string names;
  std::string lines;
  for (const auto& [name, value] : signed_headers) {
    names += (names.empty() ? "" : ";") + name;
    lines += name + ":" + value + "\n";
  }
  const std::string request =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", method, url.path.empty() ? "/" : url.path,
                  sorted_query(url.query), lines, names, payload_sha256);
  const std::string place = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp, place, hex_sha256(request));
  std::string key = "AWS4" + keys.secret_key;
  for (const std::string& part : {day, scope.region, scope.service, std::string("aws4_request")})
    key = hmac_sha256(key, part);
  added.emplace_back("authorization",
                     fmt::format("AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={}",
                                 keys.access_key, place, names, hex(hmac_sha256(key, to_sign))));
  return added;
}

}  // namespace mgit
