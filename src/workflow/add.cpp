#include "workflow/add.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <sstream>
#include <thread>

#include "base/mapped_file.h"
#include "base/process.h"
#include "base/progress.h"
#include "git/hooks.h"
#include "worktree/attributes.h"
#include "worktree/index_copy.h"
#include "worktree/index_entries.h"
#include "worktree/ingest.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

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
  std::vector<std::string> checkpoints;  // maybe staged already
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

/// A clock's tick: what is written twice within one shows no difference.
constexpr auto kTick = std::chrono::milliseconds(20);

void wait_for_a_tick_after(const std::timespec& written) {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto age = std::chrono::seconds(now.tv_sec - written.tv_sec) +
                   std::chrono::nanoseconds(now.tv_nsec - written.tv_nsec);
  if (age >= std::chrono::nanoseconds(0) && age < kTick) std::this_thread::sleep_for(kTick - age);
}

/// Stores one file. Training may be writing it: a file that was replaced meanwhile is taken anew;
/// one that is written all the time is refused.
StagedFile ingest_file(Repository& repository, Ingest& ingest, const std::string& path,
                       Progress& progress, std::string& manifest) {
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const MappedFile file(repository.work_dir() / path);
    wait_for_a_tick_after(file.status().st_mtim);
    manifest =
        ingest.add(file.bytes(), path, [&](std::uint64_t bytes) { progress.advance(bytes); });
    if (!file.is_unchanged()) continue;
    StagedFile entry;
    entry.path = path;
    entry.stat = file.status();
    return entry;
  }
  throw Error("changed while it was read", path,
              "let whoever writes it finish, then run mgit add again; nothing was staged");
}

std::vector<StagedFile> ingest_all(Workspace& repository, const std::vector<std::string>& paths) {
  std::vector<StagedFile> staged;
  if (paths.empty()) return staged;
  std::uint64_t total = 0;
  for (const std::string& path : paths) {
    std::error_code gone;  // then opening it says so
    const std::uintmax_t size = std::filesystem::file_size(repository.work_dir() / path, gone);
    if (!gone) total += size;
  }
  Progress progress("Storing checkpoints", total, Progress::Unit::kBytes);

  PreviousVersions previous(repository);
  Ingest ingest(repository, previous);
  std::vector<std::string> manifests(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i)
    staged.push_back(ingest_file(repository, ingest, paths[i], progress, manifests[i]));
  ingest.commit();
  for (std::size_t i = 0; i < staged.size(); ++i)
    staged[i].blob = repository.write_blob(manifests[i]);
  return staged;
}

/// Checkpoints, then `git add` for everything else, which finds them up to date; all or nothing.
int stage_with_rest(const Repository& repository, const std::vector<StagedFile>& staged,
                    const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", "add"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  IndexCopy index(repository, StrangeIndex::kConvert);
  index.put(staged, trusts_modes(repository));
  index.trust_stat_data();
  ProcessOptions options;
  options.capture_output = false;
  options.environment["GIT_INDEX_FILE"] = index.path().string();
  const int status = run_process(command, options).status;
  if (status == 0) index.install();
  return status;
}

}  // namespace

std::optional<int> add_files(Workspace& repository, const AddRequest& request,
                             const std::vector<std::string>& arguments) {
  if (repository.work_dir().empty()) return std::nullopt;
  const auto paths = covered(request);
  if (!paths) return std::nullopt;
  const Share share = divide(repository, *paths);
  if (share.checkpoints.empty()) return std::nullopt;

  const std::vector<StagedFile> staged = ingest_all(repository, share.ingest);
  if (!share.rest) {
    stage(repository, staged);
  } else if (const int status = stage_with_rest(repository, staged, arguments); status != 0) {
    return status;
  }
  if (!has_hook(repository, "pre-commit"))  // which does it for plain git add, too
    for (const std::string& line : stage_attributes(repository, share.checkpoints))
      fmt::print(stderr, "{}\n", line);
  if (request.verbose)
    for (const StagedFile& file : staged) fmt::print("add '{}'\n", file.path);
  return 0;
}

}  // namespace mgit
