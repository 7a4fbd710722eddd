#include "workflow/track.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>

#include "base/process.h"
#include "format/format_table.h"
#include "git/attribute_lines.h"
#include "worktree/attributes.h"
#include "worktree/raw_files.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// What an argument of the command line comes to.
struct Wanted {
  std::string argument;
  std::string pattern;
  std::string path;  // of the file that it names, from the top; empty: a pattern or a folder
};

/// From the top of the working tree. Symbolic links in the last place stay.
std::string from_top(const Repository& repository, const fs::path& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  const fs::path whole = absolute.has_filename() ? absolute : absolute.parent_path();
  const fs::path canonical = fs::weakly_canonical(whole.parent_path()) / whole.filename();
  return canonical.lexically_relative(fs::weakly_canonical(repository.work_dir())).string();
}

bool is_outside(const std::string& from_top) {
  return from_top.empty() || from_top == ".." || from_top.starts_with("../");
}

/// True if git would take the name for something else than the file.
bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[\\") != std::string::npos || name.starts_with('#') ||
         name.starts_with('!');
}

/// "" at the top, else "folder/", quoted as patterns are.
std::string current_folder(const Repository& repository) {
  const std::string folder = from_top(repository, fs::current_path());
  if (folder == "." || is_outside(folder)) return {};
  return exact_pattern(folder).substr(1) + "/";
}

Wanted named_file(const Repository& repository, const std::string& argument) {
  const std::string path = from_top(repository, argument);
  if (is_outside(path)) throw UsageError("is outside this repository", argument);
  if (path == ".") return {argument, "**", {}};
  const bool literal = is_pattern(path);
  if (fs::is_directory(argument))
    return {argument, (literal ? exact_pattern(path) : path) + "/**", {}};
  return {argument, literal ? exact_pattern(path) : path, path};
}

Wanted wanted(const Repository& repository, const std::string& argument) {
  std::error_code unreadable;
  if (!argument.empty() && fs::exists(fs::symlink_status(argument, unreadable)))
    return named_file(repository, argument);
  std::string pattern = argument;
  while (pattern.starts_with("./")) pattern.erase(0, 2);
  const std::size_t slash = pattern.find('/');
  if (slash != std::string::npos && slash > 0) pattern = current_folder(repository) + pattern;
  if (pattern.ends_with('/')) pattern += "**";  // git gives no attributes to folders
  return {argument, pattern, {}};
}

/// A name that the pattern covers, where one is easily found: model.pt for *.pt.
std::string example_of(const Wanted& each) {
  if (!each.path.empty()) return each.path;
  if (each.pattern.starts_with("*.") && !is_pattern(each.pattern.substr(1)))
    return "model" + each.pattern.substr(1);
  return {};
}

void warn_of_ignored(const Repository& repository, const std::vector<Wanted>& all, const Say& say) {
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.capture_errors = true;
  options.input.emplace();
  for (const Wanted& each : all)
    if (const std::string name = example_of(each); !name.empty()) *options.input += name + '\0';
  if (options.input->empty()) return;
  const std::string answer =
      run_process({"git", "check-ignore", "-v", "-z", "--stdin"}, options).output;
  std::vector<std::string> fields;  // source, line, pattern, path
  for (std::size_t at = 0, end = 0; (end = answer.find('\0', at)) != std::string::npos;
       at = end + 1)
    fields.push_back(answer.substr(at, end - at));
  for (std::size_t i = 0; i + 3 < fields.size(); i += 4)
    say(fmt::format("warning: {}:{}: '{}' has git ignore {}: only 'mgit add -f' takes such files",
                    fields[i], fields[i + 1], fields[i + 2], fields[i + 3]));
}

/// Another line decides about the file, or it is none.
void warn_of_files(const Repository& repository, const std::vector<Wanted>& all, const Say& say) {
  std::vector<std::string> paths;
  for (const Wanted& each : all)
    if (!each.path.empty()) paths.push_back(each.path);
  const auto values = attributes_of(repository, paths, {"filter"});
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string& filter = values[i].at("filter");
    if (filter != "mgit")
      say(fmt::format("warning: {}: still not mgit's: another line of .gitattributes says {}",
                      paths[i], filter == "unset" ? "-filter" : "filter=" + filter));
    if (fs::is_symlink(repository.work_dir() / paths[i]))
      say(
          fmt::format("warning: {}: a symbolic link; git stores where it points, not the "
                      "checkpoint",
                      paths[i]));
  }
}

/// "lfs" for a pattern that a line gives to git-lfs.
std::map<std::string, std::string> foreign_filters(const Repository& repository) {
  std::map<std::string, std::string> filters;
  for (const AttributeLine& line : attribute_lines(repository))
    for (const std::string& attribute : line.attributes)
      if (attribute.starts_with("filter=") && attribute != "filter=mgit")
        filters[line.pattern] = attribute.substr(7);
  return filters;
}

std::string name_of_filter(const std::string& filter) {
  if (filter == "lfs") return "git-lfs";
  return filter == "unset" ? "no filter" : filter;
}

}  // namespace

const std::vector<std::string>& default_patterns() {
  static const std::vector<std::string> kPatterns = [] {
    std::vector<std::string> patterns;
    for (const Format& format : formats())
      patterns.insert(patterns.end(), format.patterns.begin(), format.patterns.end());
    return patterns;
  }();
  return kPatterns;
}

void track_arguments(const Workspace& repository, const std::vector<std::string>& arguments,
                     const Say& print, const Say& say) {
  std::vector<Wanted> all;
  for (const std::string& argument : arguments) all.push_back(wanted(repository, argument));
  const std::map<std::string, std::string> foreign = foreign_filters(repository);
  bool any = false;
  for (const Wanted& each : all) {
    const bool fresh = track(repository, each.pattern);
    any = any || fresh;
    const std::string as =
        each.pattern == each.argument ? "" : fmt::format(" as '{}'", each.pattern);
    print(fmt::format("{} '{}'{}", fresh ? "tracking" : "already tracking", each.argument, as));
    const auto other = foreign.find(each.pattern);
    if (fresh && other != foreign.end())
      say(fmt::format("note: '{}' was given to {}; mgit's line comes later, so it decides",
                      each.pattern, name_of_filter(other->second)));
  }
  warn_of_files(repository, all, say);
  warn_of_ignored(repository, all, say);
  if (!any) return;
  mend_all_manifests(repository, say);
  say_raw_files(repository, say);
}

void untrack_arguments(const Repository& repository, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments)
    if (!untrack(repository, argument) &&
        !untrack(repository, wanted(repository, argument).pattern))
      throw Error("not tracked", argument, "mgit track lists what is");
}

std::vector<std::string> track_defaults(const Repository& repository, const Say& say) {
  std::vector<std::string> names;
  std::vector<Wanted> all;
  for (const std::string& pattern : default_patterns()) {
    std::string name = pattern;
    if (const std::size_t star = name.find('*'); star != std::string::npos)
      name.replace(star, 1, "model");
    names.push_back(name);
  }
  const auto values = attributes_of(repository, names, {"filter"});
  std::map<std::string, std::vector<std::string>> foreign;
  std::vector<std::string> added;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& pattern = default_patterns()[i];
    const std::string& filter = values[i].at("filter");
    if (filter != "mgit" && filter != "unspecified") {
      foreign[filter].push_back(fmt::format("'{}'", pattern));
      continue;
    }
    if (track(repository, pattern)) added.push_back(pattern);
    all.push_back({pattern, pattern, {}});
  }
  for (const auto& [filter, patterns] : foreign)
    say(
        fmt::format("note: .gitattributes gives {} to {}; left as they are (mgit track takes "
                    "them over{})",
                    fmt::join(patterns, " "), name_of_filter(filter),
                    filter == "lfs" ? ", 'mgit migrate import' with their history" : ""));
  warn_of_ignored(repository, all, say);
  return added;
}

void say_raw_files(const Repository& repository, const Say& say) {
  for (const std::string& line : raw_files_advice(raw_files(repository))) say("note: " + line);
}

}  // namespace mgit
