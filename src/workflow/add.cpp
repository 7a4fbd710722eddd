#include "workflow/add.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/mapped_file.h"
#include "base/process.h"
#include "base/progress.h"
#include "git/hooks.h"
#include "worktree/attributes.h"
#include "worktree/index_entries.h"
#include "worktree/ingest.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

/// The part of `git add`'s command line that the direct way understands.
struct AddRequest {
  bool verbose = false;
  bool force = false;   // ignored files, too
  bool update = false;  // tracked files only
  bool all = false;
  std::vector<std::string> pathspecs;
};

bool apply_option(const std::string& option, AddRequest& request) {
  if (option == "--verbose" || option == "-v") return request.verbose = true;
  if (option == "--force" || option == "-f") return request.force = true;
  if (option == "--update" || option == "-u") return request.update = true;
  if (option == "--all" || option == "--no-ignore-removal" || option == "-A")
    return request.all = true;
  return false;
}

/// nullopt: an option of git's that changes what adding means; git does all of it.
std::optional<AddRequest> parse_request(const std::vector<std::string>& arguments) {
  AddRequest request;
  bool paths_only = false;
  for (const std::string& argument : arguments) {
    if (!paths_only && argument == "--") {
      paths_only = true;
    } else if (paths_only || !argument.starts_with('-') || argument == "-") {
      request.pathspecs.push_back(argument);
    } else if (argument.starts_with("--")) {
      if (!apply_option(argument, request)) return std::nullopt;
    } else {
      for (const char letter : argument.substr(1))
        if (!apply_option(std::string("-") + letter, request)) return std::nullopt;
    }
  }
  if (request.pathspecs.empty()) {
    if (!request.all && !request.update) return std::nullopt;
    request.pathspecs.emplace_back(":/");
  }
  return request;
}

/// What the pathspecs cover, relative to the top; nullopt if one covers nothing.
std::optional<std::vector<std::string>> covered(const AddRequest& request) {
  std::vector<std::string> command{"git",           "ls-files",        "-z",      "--full-name",
                                   "--deduplicate", "--error-unmatch", "--cached"};
  if (!request.update) {
    command.emplace_back("--others");
    if (!request.force) command.emplace_back("--exclude-standard");
  }
  command.emplace_back("--");
  command.insert(command.end(), request.pathspecs.begin(), request.pathspecs.end());
  ProcessOptions options;
  options.capture_errors = true;
  const ProcessResult listing = run_process(command, options);
  if (listing.status != 0) return std::nullopt;
  std::vector<std::string> paths;
  std::istringstream text(listing.output);
  for (std::string path; std::getline(text, path, '\0');) paths.push_back(path);
  return paths;
}

/// Checkpoints among the covered paths, and whether git has work of its own.
struct Share {
  std::vector<std::string> ingest;
  std::vector<std::string> checkpoints;  // ingest and those that are staged already
  bool rest = false;
};

bool is_regular(const std::filesystem::path& file) {
  return std::filesystem::is_regular_file(std::filesystem::symlink_status(file));
}

Share divide(const Repository& repository, const std::vector<std::string>& paths) {
  std::map<std::string, IndexedFile> indexed;
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  std::vector<std::string> candidates;
  Share share;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (tracked[i] && is_regular(repository.work_dir() / paths[i]))
      candidates.push_back(paths[i]);
    else
      share.rest = true;
  }
  if (candidates.empty()) return share;
  for (IndexedFile& entry : index_entries(repository, candidates, StrangeIndex::kConvert))
    indexed.emplace(entry.path, std::move(entry));
  for (const std::string& path : candidates) {
    const auto entry = indexed.find(path);
    if (entry != indexed.end() && entry->second.held) {
      share.rest = true;
      continue;
    }
    share.checkpoints.push_back(path);
    if (entry == indexed.end() || !entry->second.unchanged) share.ingest.push_back(path);
  }
  return share;
}

std::vector<StagedFile> ingest_all(Repository& repository, const std::vector<std::string>& paths) {
  std::vector<StagedFile> staged;
  if (paths.empty()) return staged;
  std::uint64_t total = 0;
  for (const std::string& path : paths)
    total += std::filesystem::file_size(repository.work_dir() / path);
  Progress progress("Storing checkpoints", total, Progress::Unit::kBytes);

  Ingest ingest(repository);
  std::vector<std::string> manifests;
  for (const std::string& path : paths) {
    const MappedFile file(repository.work_dir() / path);
    manifests.push_back(
        ingest.add(file.bytes(), path, [&](std::uint64_t bytes) { progress.advance(bytes); }));
    if (!file.is_unchanged()) throw Error("changed while it was read", path, "run mgit add again");
    StagedFile entry;
    entry.path = path;
    entry.stat = file.status();
    staged.push_back(std::move(entry));
  }
  ingest.commit();
  for (std::size_t i = 0; i < staged.size(); ++i)
    staged[i].blob = repository.write_blob(manifests[i]);
  return staged;
}

std::vector<std::string> git_add(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", "add"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// `git add` for everything but the checkpoints.
int add_rest(const std::vector<std::string>& arguments, const AddRequest& request,
             const std::vector<std::string>& checkpoints) {
  std::vector<std::string> command{"git", "add"};
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with('-') && argument != "-") command.push_back(argument);
  }
  command.emplace_back("--");
  command.insert(command.end(), request.pathspecs.begin(), request.pathspecs.end());
  for (const std::string& path : checkpoints) command.push_back(":(exclude,top,literal)" + path);
  ProcessOptions options;
  options.capture_output = false;
  return run_process(command, options).status;
}

}  // namespace

int add_files(Repository& repository, const std::vector<std::string>& arguments) {
  const std::optional<AddRequest> request = parse_request(arguments);
  if (!request || repository.work_dir().empty() || std::getenv("GIT_LITERAL_PATHSPECS") != nullptr)
    exec_process(git_add(arguments));
  const auto paths = covered(*request);
  if (!paths) exec_process(git_add(arguments));
  const Share share = divide(repository, *paths);
  if (share.checkpoints.empty()) exec_process(git_add(arguments));

  const std::vector<StagedFile> staged = ingest_all(repository, share.ingest);
  if (share.rest) {
    const int status = add_rest(arguments, *request, share.checkpoints);
    if (status != 0) return status;
  }
  stage(repository, staged);
  if (!has_hook(repository, "pre-commit"))  // which does it for plain git add, too
    for (const std::string& line : stage_attributes(repository, share.checkpoints))
      fmt::print(stderr, "{}\n", line);
  if (request->verbose)
    for (const StagedFile& file : staged) fmt::print("add '{}'\n", file.path);
  return 0;
}

}  // namespace mgit
