// URLs, retries, credentials, and signatures against what AWS publishes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/aws_credentials.h"
#include "net/aws_signature.h"
#include "net/credentials.h"
#include "net/retry.h"
#include "net/url.h"

namespace mgit {
namespace {

using std::chrono::milliseconds;

TEST(Urls, AreTakenApart) {
  const auto url = Url::parse("HTTPS://me:p%40ss@Host.example:443/a%20b/c?x=1&y#z");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss");
  EXPECT_EQ(url->origin(), "https://host.example");
  EXPECT_EQ(url->path, "/a%20b/c");
  EXPECT_EQ(url->query, "x=1&y");
  EXPECT_EQ(url->text(), "https://host.example/a%20b/c?x=1&y");
  EXPECT_EQ(url->shown(), "https://host.example/a%20b/c");
  EXPECT_EQ(Url::parse("http://[::1]:8080/x")->origin(), "http://[::1]:8080");
  EXPECT_EQ(Url::parse("http://[::1]")->authority(), "[::1]");
  for (const char* other : {"host:path", "/a/b", "://x", "http://", "http:///x",
                            "http://::", "http://[::1", "http://h:x/", ""})
    EXPECT_FALSE(Url::parse(other)) << other;
  EXPECT_EQ(shown_url("https://me:secret@h/x?sig=1"), "https://h/x");
}

TEST(Retries, DoubleAndEnd) {
  const RetryPolicy policy{4, milliseconds(100), milliseconds(60000)};
  EXPECT_EQ(wait_before_retry(policy, 1, std::nullopt, 1), milliseconds(100));
  EXPECT_EQ(wait_before_retry(policy, 3, std::nullopt, 0), milliseconds(200));
  EXPECT_EQ(wait_before_retry(policy, 3, std::nullopt, 1), milliseconds(400));
  EXPECT_FALSE(wait_before_retry(policy, 4, std::nullopt, 1));
  EXPECT_EQ(wait_before_retry(policy, 1, milliseconds(7000), 1), milliseconds(7000));
  EXPECT_FALSE(wait_before_retry(policy, 1, milliseconds(60001), 1));
  for (const long status : {429L, 500L, 503L}) EXPECT_TRUE(is_passing_status(status));
  for (const long status : {200L, 401L, 403L, 404L, 422L, 501L})
    EXPECT_FALSE(is_passing_status(status));
}

TEST(Retries, AServerSaysWhen) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // RFC 7231's example
  EXPECT_EQ(retry_after("120", now), milliseconds(120000));
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), milliseconds(30000));
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), milliseconds(0));
  EXPECT_FALSE(retry_after("soon", now));
  EXPECT_FALSE(retry_after("", now));
  EXPECT_FALSE(retry_after("-1", now));
}

TEST(Netrc, FindsTheMachine) {
  const char* text =
      "# comment\nmachine other login a password b\n"
      "machine host.example\n  login me\n  password \"a \\\"word\"\ndefault login x password y\n";
  EXPECT_EQ(netrc_entry(text, "host.example")->password, "a \"word");
  EXPECT_EQ(netrc_entry(text, "other")->user, "a");
  EXPECT_EQ(netrc_entry(text, "third")->user, "x");
  EXPECT_FALSE(netrc_entry("machine host login me", "host"));
  EXPECT_FALSE(netrc_entry("machine", "host"));
  EXPECT_FALSE(netrc_entry("", "host"));
}

TEST(Netrc, BasicAuthorizationIsThatOfTheRfc) {  // RFC 7617
  EXPECT_EQ(basic_authorization({"Aladdin", "open sesame"}), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(AwsConfigs, HaveSections) {
  const auto sections = aws_sections(
      "[default]\naws_access_key_id = a\n# no\n[profile lab]\nregion=eu-north-1\ns3 =\n"
      "  endpoint_url = nested\nendpoint_url = http://x\n");
  EXPECT_EQ(sections.at("default").at("aws_access_key_id"), "a");
  EXPECT_EQ(sections.at("lab").at("endpoint_url"), "http://x");
  EXPECT_EQ(sections.at("lab").at("region"), "eu-north-1");
}

/// The examples of "Authenticating Requests: Using the Authorization Header" in the S3 API
/// reference.
class PublishedSignatures : public ::testing::Test {
 protected:
  std::string signature(const std::string& method, const std::string& url,
                        std::vector<std::pair<std::string, std::string>> headers,
                        const std::string& payload) const {
    const auto at = std::chrono::system_clock::from_time_t(1369353600);  // 2013-05-24
    for (const auto& [name, value] :
         aws_signature(method, *Url::parse(url), headers, payload,
                       {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
                       {"us-east-1", "s3"}, at))
      if (name == "authorization") return value.substr(value.find("Signature=") + 10);
    return {};
  }
};

TEST_F(PublishedSignatures, GetObject) {
  EXPECT_EQ(signature("GET", "https://examplebucket.s3.amazonaws.com/test.txt",
                      {{"range", "bytes=0-9"}}, kEmptyPayload),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(PublishedSignatures, PutObject) {
  EXPECT_EQ(signature("PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text",
                      {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                       {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(PublishedSignatures, QueryWithoutValue) {
  EXPECT_EQ(
      signature("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", {}, kEmptyPayload),
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_F(PublishedSignatures, ListObjects) {
  EXPECT_EQ(signature("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", {},
                      kEmptyPayload),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Hmac, IsThatOfTheRfc) {  // RFC 4231, test case 2
  std::string hex;
  for (const char c : hmac_sha256("Jefe", "what do ya want for nothing?"))
    hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4],
        hex += "0123456789abcdef"[c & 15];
  EXPECT_EQ(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace mgit
