#include "worktree/raw_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/process.h"
#include "git/lfs.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// No manifest of a usual model is larger; what is, is taken for the file itself unread.
constexpr std::uintmax_t kLargestManifest = std::uintmax_t{16} << 20;

struct Entry {
  std::string path;
  Oid blob;
  std::uintmax_t size = 0;
};

ProcessOptions in_work_dir(const Repository& repository) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  return options;
}

/// Regular files of the index with filter=FILTER that are in the working tree; git may have to
/// fetch others.
std::vector<Entry> entries_with_filter(const Repository& repository, const std::string& filter) {
  std::istringstream listing(
      run_checked({"git", "ls-files", "-s", "-z", "--", ":(top,attr:filter=" + filter + ")"},
                  in_work_dir(repository)));
  std::vector<Entry> entries;
  for (std::string line; std::getline(listing, line, '\0');) {
    const std::size_t tab = line.find('\t');  // "100644 <blob> 0<TAB>path"
    if (tab == std::string::npos || !line.starts_with("100")) continue;
    const auto blob = Oid::from_hex(std::string_view(line).substr(7, 40));
    std::string path = line.substr(tab + 1);
    if (blob && fs::is_regular_file(fs::symlink_status(repository.work_dir() / path)))
      entries.push_back({std::move(path), *blob, 0});
  }
  return entries;
}

void find_sizes(const Repository& repository, std::vector<Entry>& entries) {
  if (entries.empty()) return;
  ProcessOptions options = in_work_dir(repository);
  options.input.emplace();
  for (const Entry& entry : entries) *options.input += entry.blob.hex() + "\n";
  std::istringstream sizes(
      run_checked({"git", "cat-file", "--batch-check=%(objectsize)"}, options));
  for (Entry& entry : entries) {
    std::string size;
    std::getline(sizes, size);
    entry.size = std::strtoull(size.c_str(), nullptr, 10);
  }
}

/// The first bytes of a file of the working tree; empty if there is none.
std::string beginning(const fs::path& file, std::size_t length) {
  std::string text;
  if (!fs::is_regular_file(fs::symlink_status(file))) return text;
  text.resize(length);
  std::ifstream stream(file, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(length));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

bool is_kept_whole(const Repository& repository, const Entry& entry) {
  if (entry.size == 0) return false;
  const fs::path file = repository.work_dir() / entry.path;
  std::error_code absent;
  if (fs::file_size(file, absent) == entry.size && !absent) {
    const std::string text = beginning(file, kLargestLfsPointer + 1);
    return !looks_like_manifest(text) && !parse_lfs_pointer(text);
  }
  if (entry.size > kLargestManifest) return true;
  const std::string text = repository.blob(entry.blob);
  return !looks_like_manifest(text) && !parse_lfs_pointer(text);
}

std::string named(const std::vector<std::string>& paths) {
  constexpr std::size_t kNamed = 3;
  const std::size_t count = std::min(paths.size(), kNamed);
  return fmt::format(
      "{}{}", fmt::join(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(count), ", "),
      paths.size() > kNamed ? fmt::format(" and {} more", paths.size() - kNamed) : "");
}

}  // namespace

RawFiles raw_files(const Repository& repository) {
  RawFiles result;
  if (repository.work_dir().empty()) return result;
  std::vector<Entry> ours = entries_with_filter(repository, "mgit");
  find_sizes(repository, ours);
  for (const Entry& entry : ours)
    if (is_kept_whole(repository, entry)) result.kept_whole.push_back(entry.path);
  for (const Entry& entry : entries_with_filter(repository, "lfs")) ours.push_back(entry);
  for (const Entry& entry : ours)
    if (parse_lfs_pointer(beginning(repository.work_dir() / entry.path, kLargestLfsPointer + 1)))
      result.lfs_pointers.push_back(entry.path);
  return result;
}

std::vector<std::string> raw_files_advice(const RawFiles& files) {
  std::vector<std::string> lines;
  if (!files.kept_whole.empty())
    lines.push_back(fmt::format(
        "{}: in git as {}, whole. 'mgit adopt' takes {} in, 'mgit migrate import' in the whole "
        "history",
        named(files.kept_whole), files.kept_whole.size() == 1 ? "it is" : "they are",
        files.kept_whole.size() == 1 ? "it" : "them"));
  if (!files.lfs_pointers.empty())
    lines.push_back(fmt::format(
        "{}: {}, the content is not here ('git lfs pull' brings it)", named(files.lfs_pointers),
        files.lfs_pointers.size() == 1 ? "a git-lfs pointer" : "git-lfs pointers"));
  return lines;
}

}  // namespace mgit
