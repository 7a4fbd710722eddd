#include "remote/object_location.h"

#include <fmt/format.h>

#include <sstream>

#include "base/process.h"
#include "git/model_config.h"
#include "net/url.h"
#include "remote/lfs_endpoint.h"

namespace mgit {
namespace {

constexpr const char* kTrusted = "mgit.trustedObjects";

/// From .git/config alone: neither the user's nor a committed file can speak for the repository.
bool is_trusted(const Repository& repository, const std::string& url) {
  const ProcessResult result =
      run_process({"git", "config", "--local", "--get-all", kTrusted},
                  {.directory = repository.common_dir().string(), .capture_errors = true});
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);)
    if (line == url) return true;
  return false;
}

}  // namespace

std::string shown_location(const ObjectLocation& location) { return shown_url(location.url); }

ObjectLocation proposed_objects(const Repository& repository) {
  const std::string text = committed_text(repository, kModelConfigFile);
  if (text.find("objects") == std::string::npos) return {};
  ProcessOptions options;
  options.input = text;
  options.capture_errors = true;
  const ProcessResult found = run_process(
      {"git", "config", "-z", "--no-includes", "--file", "-", "--get", "objects.url"}, options);
  if (found.status != 0) return {};
  const std::string said = found.output.substr(0, found.output.find('\0'));
  const auto url = Url::parse(said);
  // No paths, no programs, and no passwords in a file that everybody has.
  if (!url || url->user || (url->scheme != "https" && url->scheme != "s3")) return {};
  return {said, is_trusted(repository, said)};
}

ObjectLocation object_location(const Repository& repository, std::string_view remote_url) {
  if (const std::string name = remote_with_url(repository, remote_url); !name.empty())
    if (const auto set = repository.config(fmt::format("remote.{}.mgitObjects", name));
        set && !set->empty())
      return {*set};
  ObjectLocation proposed = proposed_objects(repository);
  return proposed.url.empty() ? ObjectLocation{std::string(remote_url)} : proposed;
}

void trust_objects(const Repository& repository, const std::string& url) {
  run_checked({"git", "config", "--local", "--add", kTrusted, url},
              {.directory = repository.common_dir().string()});
}

}  // namespace mgit
