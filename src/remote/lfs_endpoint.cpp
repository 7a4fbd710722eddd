#include "remote/lfs_endpoint.h"

#include <fmt/format.h>

#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "net/url.h"
#include "remote/object_remote.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

constexpr const char* kLfsConfig = ".lfsconfig";

/// A key of .lfsconfig; no includes: the file may come from anybody.
std::string file_setting(const std::string& text, const std::string& key) {
  if (text.empty()) return {};
  ProcessOptions options;
  options.input = text;
  options.capture_errors = true;
  const ProcessResult result =
      run_process({"git", "config", "-z", "--no-includes", "--file", "-", "--get", key}, options);
  return result.status == 0 ? result.output.substr(0, result.output.find('\0')) : std::string();
}

}  // namespace

std::string committed_text(const Repository& repository, const std::string& path) {
  std::error_code ignored;
  if (!repository.work_dir().empty() && fs::is_regular_file(repository.work_dir() / path, ignored))
    return os::read_file(repository.work_dir() / path);
  const auto head = repository.head();
  const auto file = head ? repository.file_at(*head, path) : std::nullopt;
  return file ? repository.blob(file->blob) : std::string();
}

std::string lfs_url_of(std::string_view remote_url) {
  const auto url = Url::parse(remote_url);
  if (!url || (url->scheme != "https" && url->scheme != "http")) return {};
  std::string base = url->shown();
  while (base.ends_with('/')) base.pop_back();
  return base + (base.ends_with(".git") ? "/info/lfs" : ".git/info/lfs");
}

std::string remote_with_url(const Repository& repository, std::string_view url) {
  ProcessOptions options;
  options.directory = base_of_urls(repository).string();
  options.capture_errors = true;
  std::istringstream lines(run_process({"git", "remote", "-v"}, options).output);
  std::string shown;
  for (std::string line; std::getline(lines, line);) {  // "origin\t../there.git (push)"
    const std::size_t tab = line.find('\t');
    const std::size_t end = line.rfind(" (");
    if (tab == std::string::npos || end == std::string::npos || end < tab) continue;
    const std::string candidate = line.substr(tab + 1, end - tab - 1);
    if (candidate == url) return line.substr(0, tab);
    if (shown.empty() && shown_url(candidate) == shown_url(url)) shown = line.substr(0, tab);
  }
  return shown;
}

std::optional<LfsEndpoint> lfs_endpoint(const Repository& repository, std::string_view remote_url,
                                        bool upload) {
  const std::string remote = remote_with_url(repository, remote_url);
  std::vector<std::string> keys;
  if (upload) keys.emplace_back("lfs.pushurl");
  keys.emplace_back("lfs.url");
  if (!remote.empty()) {
    if (upload) keys.push_back(fmt::format("remote.{}.lfspushurl", remote));
    keys.push_back(fmt::format("remote.{}.lfsurl", remote));
  }
  const std::string file = committed_text(repository, kLfsConfig);
  for (const std::string& key : keys) {
    const auto set = repository.config(key);
    const std::string said = set && !set->empty() ? *set : file_setting(file, key);
    if (said.empty()) continue;
    const auto url = Url::parse(said);
    if (!url || (url->scheme != "https" && url->scheme != "http")) return std::nullopt;
    const auto own = Url::parse(remote_url);
    const bool by_file = !set || set->empty();
    return LfsEndpoint{said, by_file && (!own || own->origin() != url->origin())};
  }
  const std::string own = lfs_url_of(remote_url);
  return own.empty() ? std::nullopt : std::optional(LfsEndpoint{own});
}

}  // namespace mgit
