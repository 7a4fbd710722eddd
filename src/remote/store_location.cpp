// Where the store behind a remote URL lies.
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "base/hex.h"
#include "mgit/remote.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// %20 and the like, which git decodes in URLs (not in plain paths).
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
  const char* home = std::getenv("HOME");
  if (home != nullptr && (url == "~" || url.starts_with("~/")))
    return home + std::string(url.substr(1));
  return std::string(url);
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
