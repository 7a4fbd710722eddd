#include "workflow/staged_checks.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "base/process.h"
#include "git/lfs.h"
#include "git/model_config.h"
#include "mgit/format.h"
#include "workflow/staged_values.h"
#include "workflow/staged_warnings.h"
#include "worktree/attributes.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

struct StagedBlob {
  StagedPath file;
  Oid blob;
};

/// Files and links that are added or changed against HEAD.
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
    std::string status;
    columns >> old_mode >> mode >> old_blob >> blob >> status;
    StagedBlob staged;
    std::getline(fields, staged.file.path, '\0');
    const auto id = Oid::from_hex(blob);
    staged.file.is_link = mode == "120000";
    if (!(mode.starts_with("100") || staged.file.is_link) || !id) continue;
    staged.file.is_new = status == "A";
    staged.blob = *id;
    blobs.push_back(std::move(staged));
  }
  return blobs;
}

void find_attributes(const Repository& repository, std::vector<StagedBlob>& staged) {
  std::vector<std::string> paths;
  for (const StagedBlob& each : staged) paths.push_back(each.file.path);
  auto values = attributes_of(repository, paths, attributes_for_warnings());
  std::vector<StagedPath*> unfiltered;  // by another line, perhaps
  std::vector<std::string> their_paths;
  for (std::size_t i = 0; i < staged.size(); ++i) {
    staged[i].file.attributes = std::move(values[i]);
    const std::string& filter = staged[i].file.attributes.at("filter");
    if (filter == "mgit" || filter == "unspecified") continue;
    unfiltered.push_back(&staged[i].file);
    their_paths.push_back(paths[i]);
  }
  const std::vector<bool> covered = covered_by_patterns(repository, their_paths);
  for (std::size_t i = 0; i < unfiltered.size(); ++i) unfiltered[i]->is_covered = covered[i];
}

void append(std::vector<std::string>& lines, std::vector<std::string> more) {
  for (std::string& line : more) lines.push_back(std::move(line));
}

/// One look at what is staged, for the pre-commit hook. Changes nothing but the attributes that the
/// commit needs, which it stages.
class StagedChecker {
 public:
  explicit StagedChecker(const Workspace& repository) : repository_(repository) {}

  StagedFindings run() {
    std::vector<StagedBlob> staged = staged_blobs(repository_);
    find_attributes(repository_, staged);
    std::vector<std::string> checkpoints;
    for (const StagedBlob& each : staged)
      if (is_ours(each) && !each.file.is_link) checkpoints.push_back(each.file.path);
    findings_.notes = stage_attributes(repository_, checkpoints);
    std::optional<StagedValues> values;  // costs a look at all checkpoints of HEAD
    if (!checkpoints.empty()) values.emplace(repository_);
    for (const StagedBlob& each : staged) {
      if (each.file.path == kModelConfigFile) check_model_config(each.blob);
      if (!is_ours(each)) {
        append(findings_.warnings, unfiltered_warnings(repository_, each.file));
        continue;
      }
      append(findings_.warnings, checkpoint_warnings(repository_, each.file));
      if (!each.file.is_link) check_checkpoint(each, *values);
    }
    if (values) findings_.hint = values->hint();
    if (values && findings_.problems.empty()) values->forget();
    return std::move(findings_);
  }

 private:
  static bool is_ours(const StagedBlob& staged) {
    return staged.file.attributes.at("filter") == "mgit";
  }

  void check_checkpoint(const StagedBlob& staged, StagedValues& values) {
    const std::string& path = staged.file.path;
    const std::string content = repository_.blob(staged.blob);
    if (content.empty()) return;  // an empty file stands for itself
    if (parse_lfs_pointer(content)) {
      findings_.warnings.push_back(
          fmt::format("{}: a git-lfs pointer is committed, not the checkpoint", path));
      return;
    }
    if (!looks_like_manifest(content)) {
      findings_.problems.push_back(
          fmt::format("{}: staged unfiltered, the file itself in place of its manifest (git add "
                      "--renormalize {})",
                      path, path));
      return;
    }
    try {
      append(findings_.problems, values.problems(path, parse_manifest(content, path)));
    } catch (const CorruptError& error) {
      const std::string where =
          error.where().empty() || error.where() == path ? std::string() : error.where() + ": ";
      findings_.problems.push_back(fmt::format("{}: {}{}", path, where, error.what()));
    }
  }

  void check_model_config(const Oid& blob) {
    ProcessOptions options;
    const std::string text = repository_.blob(blob);
    options.input = text;
    options.capture_errors = true;
    const ProcessResult result = run_process(
        {"git", "config", "-z", "--no-includes", "--file", "-", "--list"}, std::move(options));
    try {
      if (result.status != 0) throw Error(config_complaint(result.errors), kModelConfigFile);
      append(findings_.warnings, unknown_config_keys(result.output, text));
      parse_models(result.output, text);
    } catch (const Error& error) {
      findings_.warnings.push_back(error.where() + ": " + error.what());
    }
  }

  const Workspace& repository_;
  StagedFindings findings_;
};

}  // namespace

StagedFindings check_staged(const Workspace& repository) { return StagedChecker(repository).run(); }

}  // namespace mgit
