// AWS Signature Version 4, as S3 and what is compatible with it want requests signed. Pure; checked
// against the examples that AWS publishes ("Signature Calculations for the Authorization Header").
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/url.h"

namespace mgit {

struct AwsKeys {
  std::string access_key;
  std::string secret_key;
  std::string session_token{};  // of temporary keys
};

struct AwsScope {
  std::string region;
  std::string service = "s3";
};

/// Of a body that is not signed itself: TLS, or the packs' own digests, protect it.
constexpr const char* kUnsignedPayload = "UNSIGNED-PAYLOAD";
/// SHA-256 of no bytes.
extern const char* const kEmptyPayload;

/// HMAC-SHA-256, as bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

/// The headers to add to a request that has `headers` (names in lower case) besides Host:
/// authorization, x-amz-date, x-amz-content-sha256 and, for temporary keys, x-amz-security-token.
/// All headers given are signed. The URL's path is taken as it will be sent, encoded; its query in
/// any order.
std::vector<std::pair<std::string, std::string>> aws_signature(
    const std::string& method, const Url& url,
    const std::vector<std::pair<std::string, std::string>>& headers,
    const std::string& payload_sha256, const AwsKeys& keys, const AwsScope& scope,
    std::chrono::system_clock::time_point now);

}  // namespace mgit
