#include "git/history_files.h"

#include <set>
#include <sstream>

#include "base/process.h"
#include "git/text.h"

namespace mgit {
namespace {

std::string git_lines(const Repository& repository, std::vector<std::string> arguments,
                      const std::optional<std::string>& input = std::nullopt) {
  arguments.insert(arguments.begin(), {"git", "--no-replace-objects"});
  ProcessOptions options;
  options.environment["GIT_DIR"] = repository.git_dir().string();
  options.input = input;
  options.capture_errors = true;
  ProcessResult result = run_process(arguments, options);
  if (result.status != 0) throw MissingError(first_words(result.errors), "verify");
  return std::move(result.output);
}

/// ":100644 100644 <old> <new> M" NUL "path" NUL, and a commit's name alone before its files.
void read_changes(const std::string& listing, std::vector<BroughtFile>& files) {
  std::set<std::pair<Oid, std::string>> seen;
  std::istringstream records(listing);
  Oid commit;
  for (std::string record; std::getline(records, record, '\0');) {
    if (!record.starts_with(':')) {
      if (const auto id = Oid::from_hex(record.substr(0, record.find(' ')))) commit = *id;
      continue;
    }
    std::string path;
    std::getline(records, path, '\0');
    std::istringstream words(record);
    std::string old_mode;
    BroughtFile file{commit, std::move(path), {}, {}, {}};
    std::string old_blob;
    std::string blob;
    words >> old_mode >> file.mode >> old_blob >> blob;
    file.blob = Oid::from_hex(blob).value_or(Oid());
    file.before = Oid::from_hex(old_blob).value_or(Oid());
    if (file.blob == Oid() || file.mode == "160000") continue;
    if (seen.emplace(file.blob, file.path).second) files.push_back(std::move(file));
  }
}

}  // namespace

HistoryFiles files_brought_by(const Repository& repository,
                              const std::vector<std::string>& revisions) {
  std::vector<std::string> command{"rev-list", "--topo-order"};
  command.insert(command.end(), revisions.begin(), revisions.end());
  command.emplace_back("--");
  const std::string listing = git_lines(repository, command);
  HistoryFiles result;
  std::string oldest_first;
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);)
    if (const auto id = Oid::from_hex(line)) result.commits.push_back(*id);
  for (auto commit = result.commits.rbegin(); commit != result.commits.rend(); ++commit)
    oldest_first += commit->hex() + "\n";
  read_changes(git_lines(repository,
                         {"diff-tree", "--stdin", "-r", "--root", "-m", "--no-renames", "--raw",
                          "--no-abbrev", "-z"},
                         oldest_first),
               result.files);
  return result;
}

}  // namespace mgit
