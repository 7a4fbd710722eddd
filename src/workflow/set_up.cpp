#include "workflow/set_up.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/process.h"
#include "workflow/mend_manifests.h"
#include "workflow/track.h"

namespace mgit {
void set_up(const Workspace& repository, const InstallOptions& options, const Say& say) {
  const InstallReport report = install(repository, options);
  for (const std::string& warning : report.warnings) say("warning: " + warning);
  for (const std::string& note : report.notes) say("note: " + note);
  if (!report.kept_hooks.empty())
    say(fmt::format("existing hooks still run, before mgit's: {}",
                    fmt::join(report.kept_hooks, ", ")));
  if (repository.work_dir().empty()) return;
  mend_all_manifests(repository, say);
  say_raw_files(repository, say);
}

int init_repository(const InitCall& call, const Say& say) {
  std::vector<std::string> command{"git", "init"};
  command.insert(command.end(), call.arguments.begin(), call.arguments.end());
  ProcessOptions inherit;
  inherit.capture_output = false;
  const int status = run_process(command, inherit).status;
  if (status != 0 || call.bare) return status;

  const Workspace repository = Workspace::discover(call.directory);
  if (repository.work_dir().empty()) {
    say("a bare repository: it needs no filters and tracks nothing");
    return 0;
  }
  set_up(repository, {}, say);
  std::vector<std::string> added;
  for (const std::string& pattern : track_defaults(repository, say))
    added.push_back(fmt::format("'{}'", pattern));
  if (!added.empty()) {
    mend_all_manifests(repository, say);
    say_raw_files(repository, say);
  }
  if (!call.quiet) {
    say("Installed filters, drivers and hooks (mgit uninstall takes them away)");
    if (!added.empty())
      say(fmt::format("Tracking {} in .gitattributes (mgit track adds others)",
                      fmt::join(added, " ")));
  }
  return 0;
}

}  // namespace mgit
