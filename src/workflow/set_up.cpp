#include "workflow/set_up.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "base/process.h"
#include "workflow/mend_manifests.h"
#include "workflow/track.h"

namespace mgit {
namespace {

bool has(const std::vector<std::string>& arguments, std::string_view option) {
  return std::find(arguments.begin(), arguments.end(), option) != arguments.end();
}

/// True if the value of this option is the next argument: --branch main, --bran main, -b main,
/// -qb main; not --branch=main, -bmain.
bool takes_next(const std::string& argument, const std::vector<std::string>& valued) {
  if (argument.starts_with("--"))
    return argument.find('=') == std::string::npos &&
           std::any_of(valued.begin(), valued.end(), [&](const std::string& option) {
             return option.starts_with("--") && option.starts_with(argument);
           });
  if (!argument.starts_with('-')) return false;
  for (std::size_t i = 1; i < argument.size(); ++i)
    if (has(valued, std::string("-") + argument[i])) return i + 1 == argument.size();
  return false;
}

}  // namespace

std::vector<std::string> positionals(const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& valued) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") {
      result.insert(result.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    arguments.end());
      break;
    }
    if (takes_next(arguments[i], valued))
      ++i;
    else if (!arguments[i].starts_with('-'))
      result.push_back(arguments[i]);
  }
  return result;
}

void set_up(const Repository& repository, const InstallOptions& options, const Say& say) {
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

int init_repository(const std::vector<std::string>& arguments, const Say& say) {
  std::vector<std::string> command{"git", "init"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  ProcessOptions inherit;
  inherit.capture_output = false;
  const int status = run_process(command, inherit).status;
  if (status != 0 || has(arguments, "--bare")) return status;

  const std::vector<std::string> named = positionals(
      arguments, {"-b", "--initial-branch", "--template", "--separate-git-dir", "--object-format"});
  const Repository repository = Repository::discover(named.empty() ? "." : named.front());
  if (repository.work_dir().empty()) {
    say("a bare repository: it needs no filters and tracks nothing");
    return 0;
  }
  const bool quiet = has(arguments, "-q") || has(arguments, "--quiet");
  set_up(repository, {}, say);
  std::vector<std::string> added;
  for (const std::string& pattern : track_defaults(repository, say))
    added.push_back(fmt::format("'{}'", pattern));
  if (!added.empty()) {
    mend_all_manifests(repository, say);
    say_raw_files(repository, say);
  }
  if (!quiet) {
    say("Installed filters, drivers and hooks (mgit uninstall takes them away)");
    if (!added.empty())
      say(fmt::format("Tracking {} in .gitattributes (mgit track adds others)",
                      fmt::join(added, " ")));
  }
  return 0;
}

}  // namespace mgit
