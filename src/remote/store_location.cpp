// Where the store behind a remote URL lies.
#include <pwd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "mgit/remote.h"
#include "net/url.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// ~ and ~user are home directories, as for git; of a user whom nobody knows, a name.
std::string expanded_home(std::string_view path) {
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string user(path.substr(1, slash - 1));
  const char* home = std::getenv("HOME");
  if (!user.empty()) {
    const passwd* const entry = ::getpwnam(user.c_str());
    home = entry == nullptr ? nullptr : entry->pw_dir;
  }
  return home == nullptr ? std::string(path) : home + std::string(path.substr(slash));
}

/// The path that a URL names; nullopt for other schemes and for "host:path".
std::optional<std::string> path_in(std::string_view url) {
  constexpr std::string_view kFile = "file://";
  if (url.starts_with(kFile)) {
    const std::string path = percent_decoded(url.substr(kFile.size()));
    const std::size_t slash = path.find('/');
    return slash == std::string::npos ? std::nullopt : std::optional(path.substr(slash));
  }
  const std::size_t colon = url.find(':');
  if (url.empty() || (colon != std::string_view::npos && colon < url.find('/')))
    return std::nullopt;
  return url.starts_with('~') ? expanded_home(url) : std::string(url);
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The git directory that a .git file (of a worktree or a submodule) points to.
fs::path followed(const fs::path& candidate) {
  constexpr std::string_view kKey = "gitdir: ";
  std::error_code ignored;
  if (!fs::is_regular_file(candidate, ignored)) return candidate;
  const std::string line = first_line(candidate);
  if (!line.starts_with(kKey)) return candidate;
  return (candidate.parent_path() / line.substr(kKey.size())).lexically_normal();
}

bool is_git_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "HEAD", ignored) &&
         (fs::is_directory(path / "objects", ignored) || fs::exists(path / "commondir", ignored));
}

fs::path common_directory(const fs::path& git_dir) {
  const std::string common = first_line(git_dir / "commondir");
  return common.empty() ? git_dir : (git_dir / common).lexically_normal();
}

}  // namespace

std::optional<fs::path> store_behind(std::string_view url, const fs::path& base) {
  const auto named = path_in(url);
  if (!named) return std::nullopt;
  std::string path = (base / *named).lexically_normal().string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  for (const char* suffix : {"/.git", "", ".git/.git", ".git"}) {  // git's order
    const fs::path git_dir = followed(path + suffix);
    if (is_git_directory(git_dir)) return common_directory(git_dir) / "mgit";
  }
  return std::nullopt;
}

}  // namespace mgit
