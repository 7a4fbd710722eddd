// Where the keys for S3 come from: the environment, then ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "net/aws_signature.h"

namespace mgit {

struct AwsConfig {
  std::optional<AwsKeys> keys{};
  std::string region{};    // empty: nowhere said
  std::string endpoint{};  // empty: Amazon's own
  std::string ca_bundle{};
};

/// The sections of such a file, "[profile name]" as "name".
std::map<std::string, std::map<std::string, std::string>> aws_sections(std::string_view text);

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION,
/// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_PROFILE; the profile in
/// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE or their usual places. Throws Error for a
/// profile that is asked for and nowhere. Keys and endpoints of single sign-on, roles and metadata
/// services are not looked for: `aws configure export-credentials --format env` gives them.
AwsConfig aws_config();

}  // namespace mgit
