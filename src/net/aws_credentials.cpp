#include "net/aws_credentials.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/os.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

using Sections = std::map<std::string, std::map<std::string, std::string>>;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string without_blanks(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

Sections sections_in(const char* variable, const char* name) {
  const std::string named = environment(variable);
  const std::string home = environment("HOME");
  if (named.empty() && home.empty()) return {};
  const fs::path path = named.empty() ? fs::path(home) / ".aws" / name : fs::path(named);
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) ? aws_sections(os::read_file(path)) : Sections();
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values)
    if (!value.empty()) return value;
  return {};
}

}  // namespace

Sections aws_sections(std::string_view text) {
  Sections sections;
  std::string section;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const bool nested = line.starts_with(' ') || line.starts_with('\t');  // of "s3 =" and the like
    line = without_blanks(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      section = without_blanks(line.substr(1, line.find(']') - 1));
      if (section.starts_with("profile ")) section = without_blanks(section.substr(8));
      sections[section];
      continue;
    }
    const std::size_t equal = line.find('=');
    if (nested || equal == std::string::npos) continue;
    sections[section][without_blanks(line.substr(0, equal))] =
        without_blanks(line.substr(equal + 1));
  }
  return sections;
}

AwsConfig aws_config() {
  const std::string asked =
      first_of({environment("AWS_PROFILE"), environment("AWS_DEFAULT_PROFILE")});
  const std::string profile = asked.empty() ? "default" : asked;
  Sections secrets = sections_in("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  Sections config = sections_in("AWS_CONFIG_FILE", "config");
  if (!asked.empty() && !secrets.contains(profile) && !config.contains(profile))
    throw Error("no such profile in ~/.aws/credentials and ~/.aws/config", profile,
                "AWS_PROFILE names it");
  const auto setting = [&](const char* name) {
    return first_of({secrets[profile][name], config[profile][name]});
  };
  AwsConfig result;
  result.region =
      first_of({environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"), setting("region")});
  result.endpoint = first_of({environment("AWS_ENDPOINT_URL_S3"), environment("AWS_ENDPOINT_URL"),
                              setting("endpoint_url")});
  result.ca_bundle = first_of({environment("AWS_CA_BUNDLE"), setting("ca_bundle")});
  AwsKeys keys{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
               environment("AWS_SESSION_TOKEN")};
  if (keys.access_key.empty() || keys.secret_key.empty() || !asked.empty()) {
    const AwsKeys stored{setting("aws_access_key_id"), setting("aws_secret_access_key"),
                         setting("aws_session_token")};
    if (!stored.access_key.empty() && !stored.secret_key.empty()) keys = stored;
  }
  if (!keys.access_key.empty() && !keys.secret_key.empty()) result.keys = keys;
  return result;
}

}  // namespace mgit
