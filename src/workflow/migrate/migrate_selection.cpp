#include "workflow/migrate/migrate_selection.h"

#include <unistd.h>
#include <algorithm>

#include "base/process.h"
#include "base/unnamed_file.h"
#include "git/attribute_lines.h"
#include "git/history_rewriter.h"
#include "workflow/track.h"

namespace mgit {
namespace {

constexpr const char* kAttribute = "mgit-migrate";

PathVersions all_files(const ObjectDatabase& objects, const std::vector<Oid>& commits) {
  PathVersions paths;
  visit_files(objects, commits,
              [&](const std::string& path, const Oid& blob) { paths[path].push_back(blob); });
  return paths;
}

/// "set" or something else for each path, asked of git with these lines as its only word on it.
std::vector<bool> ask_git(const Repository& repository, const std::string& lines,
                          const PathVersions& paths) {
  UnnamedFile file(repository.mgit_dir() / "tmp");
  file.append(as_bytes(lines));
  const std::string name =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.fd());
  ProcessOptions options;
  options.input.emplace();
  for (const auto& [path, blobs] : paths) *options.input += path + '\0';
  const std::string answer =
      run_checked({"git", "--git-dir", repository.git_dir().string(), "-c",
                   "core.attributesFile=" + name, "check-attr", "-z", "--stdin", kAttribute},
                  options);
  std::vector<bool> result;
  std::size_t at = 0;
  for (std::size_t field = 0; at < answer.size(); ++field) {
    const std::size_t end = std::min(answer.find('\0', at), answer.size());
    if (field % 3 == 2) result.push_back(answer.compare(at, end - at, "set") == 0);
    at = end + 1;
  }
  if (result.size() != paths.size()) throw Error("unexpected answer", "git check-attr");
  return result;
}

std::string attribute_lines(const std::vector<std::string>& include,
                            const std::vector<std::string>& exclude) {
  std::string lines;
  for (const std::string& pattern : include)
    lines += quoted_pattern(pattern) + " " + kAttribute + "\n";
  for (const std::string& pattern : exclude)
    lines += quoted_pattern(pattern) + " -" + kAttribute + "\n";
  return lines;
}

std::uint64_t largest(const MigrationFiles& files, const std::vector<Oid>& blobs) {
  std::uint64_t size = 0;
  for (const Oid& blob : blobs) size = std::max(size, files.contents.at(blob).size);
  return size;
}

}  // namespace

PathVersions matching(const Repository& repository, const PathVersions& paths,
                      const std::vector<std::string>& include,
                      const std::vector<std::string>& exclude) {
  if (paths.empty()) return {};
  const std::vector<std::string> everything{"*"};
  const std::string lines = attribute_lines(include.empty() ? everything : include, exclude);
  const std::vector<bool> taken = ask_git(repository, lines, paths);
  PathVersions result;
  std::size_t index = 0;
  for (const auto& [path, blobs] : paths)
    if (taken[index++]) result.emplace(path, blobs);
  return result;
}

MigrationFiles files_to_import(const Repository& repository, const ObjectDatabase& objects,
                               const std::vector<Oid>& commits, const MigrateOptions& options) {
  MigrationFiles files;
  const bool by_size_alone = options.above > 0 && options.include.empty();
  const std::vector<std::string> include =
      options.include.empty() && !by_size_alone ? default_patterns() : options.include;
  files.paths = matching(repository, all_files(objects, commits), include, options.exclude);
  for (const auto& [path, blobs] : files.paths)
    for (const Oid& blob : blobs)
      if (!files.contents.contains(blob)) files.contents.emplace(blob, look_at(objects, blob));
  std::erase_if(files.paths, [&](const auto& entry) {
    return largest(files, entry.second) < options.above ||
           entry.first.substr(entry.first.rfind('/') + 1) == ".gitattributes";
  });
  if (options.above > 0 || !options.exclude.empty()) {
    for (const auto& [path, blobs] : files.paths) files.patterns.push_back(exact_pattern(path));
    return files;
  }
  for (const std::string& pattern : include)
    if (!matching(repository, files.paths, {pattern}, {}).empty())
      files.patterns.push_back(pattern);
  return files;
}

MigrationFiles files_to_export(const Repository& repository, const ObjectDatabase& objects,
                               const std::vector<Oid>& commits, const MigrateOptions& options) {
  MigrationFiles files;
  files.paths = matching(repository, all_files(objects, commits), options.include, options.exclude);
  for (const auto& [path, blobs] : files.paths)
    for (const Oid& blob : blobs)
      if (!files.contents.contains(blob)) files.contents.emplace(blob, look_at(objects, blob));
  std::erase_if(files.paths, [&](const auto& entry) {
    return std::none_of(entry.second.begin(), entry.second.end(), [&](const Oid& blob) {
      return files.contents.at(blob).kind == BlobContent::Kind::kManifest;
    });
  });
  files.patterns = options.include;
  return files;
}

}  // namespace mgit
