#include "workflow/staged_checks.h"

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <sstream>

#include "base/process.h"
#include "base/threads.h"
#include "base/words.h"
#include "git/lfs.h"
#include "mgit/format.h"
#include "mgit/store.h"
#include "workflow/untracked_checkpoint.h"
#include "worktree/attributes.h"
#include "worktree/finite_tensors.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

struct StagedBlob {
  std::string path;
  Oid blob;
};

/// Regular files that are added or changed against HEAD.
std::vector<StagedBlob> staged_blobs(const Repository& repository) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  std::istringstream fields(run_checked({"git", "diff", "--cached", "--raw", "-z", "--no-abbrev",
                                         "--no-renames", "--diff-filter=ACMT"},
                                        options));
  std::vector<StagedBlob> blobs;
  for (std::string head; std::getline(fields, head, '\0');) {
    std::istringstream columns(head);
    std::string old_mode;
    std::string mode;
    std::string old_blob;
    std::string blob;
    columns >> old_mode >> mode >> old_blob >> blob;
    StagedBlob staged;
    std::getline(fields, staged.path, '\0');
    const auto id = Oid::from_hex(blob);
    if (!mode.starts_with("100") || !id) continue;
    staged.blob = *id;
    blobs.push_back(std::move(staged));
  }
  return blobs;
}

std::set<Digest> objects_at_head(const Repository& repository) {
  std::set<Digest> objects;
  if (const auto head = repository.head())
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(*head))
      for (const ManifestTensor& tensor : checkpoint.manifest.tensors)
        objects.insert(tensor.object);
  return objects;
}

/// One line for each new tensor with values that are not finite.
void check_values(const Store& store, const Manifest& manifest, const std::string& path,
                  const std::set<Digest>& known, const FiniteTensors& finite,
                  std::vector<std::string>& problems) {
  std::vector<const ManifestTensor*> fresh;
  for (const ManifestTensor& tensor : manifest.tensors)
    if (is_arithmetic(tensor.info.dtype) && !known.contains(tensor.object) &&
        !finite.contains(tensor.object, tensor.info.dtype) && store.contains(tensor.object))
      fresh.push_back(&tensor);
  std::vector<std::uint64_t> counts(fresh.size());
  parallel_for(fresh.size(), [&](std::size_t i) {
    counts[i] = count_non_finite(read_tensor(store, *fresh[i]).view);
  });
  for (std::size_t i = 0; i < fresh.size(); ++i)
    if (counts[i] > 0)
      problems.push_back(fmt::format("{}: {}: {} {} not finite (NaN or infinite)", path,
                                     fresh[i]->info.name, counted(counts[i], "value"),
                                     counts[i] == 1 ? "is" : "are"));
}

}  // namespace

StagedFindings check_staged(const Repository& repository) {
  StagedFindings findings;
  const std::vector<StagedBlob> staged = staged_blobs(repository);
  std::vector<std::string> paths(staged.size());
  std::ranges::transform(staged, paths.begin(), &StagedBlob::path);
  const std::vector<bool> tracked = tracked_by_mgit(repository, paths);
  std::vector<std::string> checkpoints;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (tracked[i]) checkpoints.push_back(paths[i]);
  findings.notes = stage_attributes(repository, checkpoints);
  const std::set<Digest> known = objects_at_head(repository);
  FiniteTensors finite(repository.store().directory());
  finite.load();
  for (std::size_t i = 0; i < staged.size(); ++i) {
    const std::string& path = staged[i].path;
    if (!tracked[i]) {
      if (auto warning = untracked_checkpoint(repository, path))
        findings.warnings.push_back(*std::move(warning));
      continue;
    }
    const std::string content = repository.blob(staged[i].blob);
    if (parse_lfs_pointer(content)) {
      findings.warnings.push_back(
          fmt::format("{}: a git-lfs pointer is committed, not the checkpoint", path));
      continue;
    }
    if (!looks_like_manifest(content)) {
      findings.problems.push_back(
          fmt::format("{}: staged unfiltered, the file itself in place of its manifest (git add "
                      "--renormalize {})",
                      path, path));
      continue;
    }
    try {
      check_values(repository.store(), parse_manifest(content, path), path, known, finite,
                   findings.problems);
    } catch (const CorruptError& error) {
      const std::string where =
          error.where().empty() || error.where() == path ? std::string() : error.where() + ": ";
      findings.problems.push_back(fmt::format("{}: {}{}", path, where, error.what()));
    }
  }
  if (findings.problems.empty()) finite.forget();
  return findings;
}

}  // namespace mgit
