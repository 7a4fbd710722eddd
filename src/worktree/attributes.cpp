#include "worktree/attributes.h"

#include <unistd.h>

#include "base/os.h"
#include "base/process.h"
#include "base/unnamed_file.h"

namespace mgit {
namespace {

std::filesystem::path attributes_file(const Repository& repository) {
  if (repository.work_dir().empty())
    throw Error("this needs a working tree", repository.git_dir().string());
  return repository.work_dir() / ".gitattributes";
}

std::string attributes_text(const Repository& repository) {
  const std::filesystem::path file = attributes_file(repository);
  return std::filesystem::exists(file) ? os::read_file(file) : std::string();
}

}  // namespace

std::vector<std::map<std::string, std::string>> attributes_of(const Repository& repository,
                                                              const std::vector<std::string>& paths,
                                                              const std::vector<std::string>& names,
                                                              AttributesOf where,
                                                              const AttributeSources& sources) {
  std::vector<std::map<std::string, std::string>> result(paths.size());
  if (paths.empty()) return result;
  ProcessOptions options;
  options.directory =
      (repository.work_dir().empty() ? repository.git_dir() : repository.work_dir()).string();
  if (!sources.index.empty()) options.environment["GIT_INDEX_FILE"] = sources.index;
  options.input.emplace();
  for (const std::string& path : paths) options.input->append(path).push_back('\0');
  std::vector<std::string> command{"git"};
  const std::string users = where == AttributesOf::kIndex ? "/dev/null" : sources.attributes_file;
  if (!users.empty()) command.insert(command.end(), {"-c", "core.attributesFile=" + users});
  command.insert(command.end(), {"check-attr", "-z", "--stdin"});
  if (where == AttributesOf::kIndex) command.emplace_back("--cached");
  command.insert(command.end(), names.begin(), names.end());
  const std::string output = run_checked(command, options);
  std::size_t at = 0;
  const auto field = [&] {
    const std::size_t end = output.find('\0', at);
    if (end == std::string::npos) throw Error("unexpected answer", "git check-attr");
    const std::string value = output.substr(at, end - at);
    at = end + 1;
    return value;
  };
  for (auto& values : result)
    for (std::size_t i = 0; i < names.size(); ++i) {
      field();  // path
      const std::string name = field();
      values[name] = field();
    }
  return result;
}

std::vector<bool> tracked_by_mgit(const Repository& repository,
                                  const std::vector<std::string>& paths) {
  std::vector<bool> result;
  for (const auto& values : attributes_of(repository, paths, {"filter"}))
    result.push_back(values.at("filter") == "mgit");
  return result;
}

std::vector<AttributeLine> attribute_lines(const Repository& repository) {
  std::vector<AttributeLine> lines;
  for (const std::string& line : split_lines(attributes_text(repository)))
    if (AttributeLine parsed = parse_attribute_line(line); !parsed.pattern.empty())
      lines.push_back(std::move(parsed));
  return lines;
}

std::vector<std::string> tracked_patterns(const Repository& repository) {
  return mgit_patterns(attributes_text(repository));
}

std::vector<bool> covered_by_patterns(const Repository& repository,
                                      const std::vector<std::string>& paths) {
  std::vector<bool> result(paths.size(), false);
  const std::vector<std::string> patterns = tracked_patterns(repository);
  if (paths.empty() || patterns.empty()) return result;
  UnnamedFile lines(repository.mgit_dir() / "tmp");
  for (const std::string& pattern : patterns)
    lines.append(as_bytes(quoted_pattern(pattern) + " mgit-covers\n"));
  const auto values = attributes_of(repository, paths, {"mgit-covers"}, AttributesOf::kWorkingTree,
                                    {.attributes_file = "/proc/" + std::to_string(::getpid()) +
                                                        "/fd/" + std::to_string(lines.fd())});
  for (std::size_t i = 0; i < paths.size(); ++i) result[i] = values[i].at("mgit-covers") == "set";
  return result;
}

bool track(const Repository& repository, const std::string& pattern) {
  if (pattern.empty() || pattern.starts_with('#') || pattern.starts_with('!'))
    throw UsageError("not a pattern that .gitattributes can hold", pattern,
                     "a file of this name is tracked once it is there");
  if (std::filesystem::is_symlink(attributes_file(repository)))
    throw Error("a symbolic link, which git does not follow", attributes_file(repository).string(),
                "put a file in its place");
  std::string text = attributes_text(repository);
  for (const std::string& line : split_lines(text))
    if (mgit_pattern(line) == pattern) return false;
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  text += mgit_attribute_line(pattern) + '\n';
  os::write_file(attributes_file(repository), as_bytes(text));
  return true;
}

bool untrack(const Repository& repository, const std::string& pattern) {
  const std::string text = attributes_text(repository);
  std::string kept;
  bool found = false;
  for (const std::string& line : split_lines(text)) {
    if (mgit_pattern(line) == pattern)
      found = true;
    else
      kept += line;
  }
  if (!found) return false;
  if (kept.empty())
    std::filesystem::remove(attributes_file(repository));
  else
    os::write_file(attributes_file(repository), as_bytes(kept));
  return true;
}

}  // namespace mgit
