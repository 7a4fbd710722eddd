#include "workflow/mend_manifests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "base/process.h"
#include "worktree/attributes.h"
#include "worktree/left_manifests.h"
#include "worktree/raw_files.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

void report(const LeftManifests& left, const Say& say) {
  if (!left.restored.empty()) say(fmt::format("checked out {}", fmt::join(left.restored, ", ")));
  for (const std::string& failure : left.failures) say("warning: " + failure);
  for (const std::string& path : left.missing)
    say(
        fmt::format("warning: {}: tensor objects are not here; left as a manifest; run 'mgit "
                    "fetch' to get them",
                    path));
  if (!left.foreign.empty()) say("warning: " + without_attribute_warning(left.foreign));
}

/// Files of `to` that are others in `from`; nullopt where git cannot tell.
std::optional<std::vector<std::string>> changed_files(const Repository& repository,
                                                      const std::string& from,
                                                      const std::string& to) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.capture_errors = true;
  const ProcessResult result =
      run_process({"git", "diff", "--name-only", "--no-renames", "-z", from, to, "--"}, options);
  if (result.status != 0) return std::nullopt;
  std::istringstream listing(result.output);
  std::vector<std::string> paths;
  for (std::string path; std::getline(listing, path, '\0');) paths.push_back(path);
  return paths;
}

bool is_attributes_file(const std::string& path) {
  return std::filesystem::path(path).filename() == ".gitattributes";
}

}  // namespace

void mend_all_manifests(const Workspace& repository, const Say& say) {
  report(restore_left_manifests(repository), say);
}

void mend_moved(const Workspace& repository, const std::string& from, const std::string& to,
                bool moved, const Say& say) {
  if (repository.work_dir().empty()) return;
  if (!moved) {
    if (tracked_patterns(repository).empty()) return mend_all_manifests(repository, say);
    LeftManifests left = restore_left_manifests(repository, files_of_mgit(repository));
    left.missing.clear();  // the filter has said so
    return report(left, say);
  }
  const auto changed = changed_files(repository, from, to);
  if (!changed || std::any_of(changed->begin(), changed->end(), is_attributes_file))
    return mend_all_manifests(repository, say);
  LeftManifests left = restore_left_manifests(repository, *changed);
  left.missing.clear();  // the filter has said so
  report(left, say);
}

void say_raw_arrivals(const Repository& repository, const std::string& from, const std::string& to,
                      const Say& say) {
  if (repository.work_dir().empty()) return;
  const auto changed = changed_files(repository, from, to);
  if (!changed || changed->empty()) return;
  RawFiles raw = raw_files(repository);
  const auto is_old = [&](const std::string& path) {
    return std::find(changed->begin(), changed->end(), path) == changed->end();
  };
  std::erase_if(raw.kept_whole, is_old);
  std::erase_if(raw.lfs_pointers, is_old);
  for (const std::string& line : raw_files_advice(raw)) say("note: " + line);
}

}  // namespace mgit
