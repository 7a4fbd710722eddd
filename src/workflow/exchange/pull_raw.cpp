#include "workflow/exchange/pull_raw.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/os.h"
#include "base/temporary_name.h"
#include "workflow/adopt/adopt.h"
#include "workflow/adopt/adopt_on_merge.h"
#include "workflow/exchange/git_call.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// Those of git pull's arguments that git merge has, too.
std::vector<std::string> options_of_merge(const std::vector<std::string>& arguments) {
  static const std::set<std::string> kFlags{"--commit",
                                            "--no-commit",
                                            "-e",
                                            "--edit",
                                            "--no-edit",
                                            "--ff",
                                            "--no-ff",
                                            "--ff-only",
                                            "--log",
                                            "--no-log",
                                            "--signoff",
                                            "--no-signoff",
                                            "--stat",
                                            "-n",
                                            "--no-stat",
                                            "--squash",
                                            "--no-squash",
                                            "--verify",
                                            "--no-verify",
                                            "--verify-signatures",
                                            "--no-verify-signatures",
                                            "--summary",
                                            "--no-summary",
                                            "--autostash",
                                            "--no-autostash",
                                            "--allow-unrelated-histories",
                                            "-q",
                                            "--quiet",
                                            "-v",
                                            "--verbose",
                                            "-S",
                                            "--gpg-sign",
                                            "--no-gpg-sign"};
  static const std::set<std::string> kValued{"-s", "--strategy", "-X", "--strategy-option",
                                             "--cleanup"};
  static const std::set<std::string> kAttached{"--log", "--cleanup", "--strategy",
                                               "--strategy-option", "--gpg-sign"};
  std::vector<std::string> options;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& word = arguments[i];
    if (kValued.contains(word) && i + 1 < arguments.size()) {
      options.insert(options.end(), {word, arguments[i + 1]});
      ++i;
    } else if (kFlags.contains(word) || kAttached.contains(word.substr(0, word.find('='))) ||
               word.starts_with("-X") || word.starts_with("-s") || word.starts_with("-S")) {
      options.push_back(word);
    }
  }
  return options;
}

/// A line of FETCH_HEAD: "<commit>\t[not-for-merge]\t<what it is>".
struct FetchedHead {
  std::string commit;
  std::string mark;
  std::string what;
};

std::vector<FetchedHead> fetched_heads(const fs::path& file) {
  std::vector<FetchedHead> heads;
  std::istringstream lines(os::read_file(file));
  for (std::string line; std::getline(lines, line);) {
    FetchedHead head;
    std::istringstream fields(line);
    std::getline(fields, head.commit, '\t');
    std::getline(fields, head.mark, '\t');
    std::getline(fields, head.what);
    heads.push_back(std::move(head));
  }
  return heads;
}

/// The merge that git pull was refused, of the commits that took the raw files in; git finds them
/// in FETCH_HEAD, and its message there.
int merge_adopted(Workspace& repository, const std::vector<std::string>& arguments,
                  const Say& say) {
  const fs::path file = repository.git_dir() / "FETCH_HEAD";
  std::vector<FetchedHead> fetched = fetched_heads(file);
  std::string text;
  for (FetchedHead& head : fetched) {
    const auto commit = Oid::from_hex(head.commit);
    if (head.mark.empty() && commit) {
      std::vector<MergeHead> heads{{head.what, *commit}};
      adopt_before_merge(repository, heads, say);
      head.commit = heads.front().commit.hex();
    }
    text += fmt::format("{}\t{}\t{}\n", head.commit, head.mark, head.what);
  }
  os::write_file(file, as_bytes(text));
  std::vector<std::string> command = git_command("merge", options_of_merge(arguments));
  command.emplace_back("FETCH_HEAD");
  ProcessOptions options;
  options.capture_output = false;
  options.environment["GIT_REFLOG_ACTION"] = "pull";
  return run_process(command, options).status;
}

}  // namespace

int pull_and_adopt(Workspace& repository, const std::vector<std::string>& arguments,
                   const Say& say) {
  const auto before = repository.head();
  const fs::path directory = repository.git_dir() / "mgit";
  try {
    os::create_directories(directory);
  } catch (const Error&) {  // where nothing can be written, git says so
  }
  const TemporaryName refusal(name_beside(directory / "refusal"));
  ProcessOptions options;
  options.capture_output = false;
  options.environment[kRawRefusal] = refusal.path().string();
  int status = run_process(git_command("pull", arguments), options).status;
  if (status != 0 && fs::exists(refusal.path())) status = merge_adopted(repository, arguments, say);
  const auto now = repository.head();
  if (status == 0 && before && now != before && !repository.operation_under_way())
    say_adoption(adopt_head(repository, before), now->brief(), say);
  return status;
}

}  // namespace mgit
