#include "repo/attributes.h"

#include <sstream>

#include "base/os.h"
#include "base/process.h"
#include "repo/text.h"

namespace mgit {
namespace {

constexpr std::string_view kAttributes = " filter=mgit diff=mgit merge=mgit -text";

std::filesystem::path attributes_file(const Repository& repository) {
  if (repository.work_dir().empty())
    throw Error("this needs a working tree", repository.git_dir().string());
  return repository.work_dir() / ".gitattributes";
}

std::string attributes_text(const Repository& repository) {
  const std::filesystem::path file = attributes_file(repository);
  return std::filesystem::exists(file) ? os::read_file(file) : std::string();
}

/// A pattern with blanks or quotes has to be quoted (gitattributes(5)).
std::string quoted(const std::string& pattern) {
  if (pattern.find_first_of(" \t\"") == std::string::npos) return pattern;
  std::string result = "\"";
  for (const char c : pattern) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// The pattern of a line that gives it to mgit; empty for every other line.
std::string pattern_of(const std::string& line) {
  std::istringstream text(line);
  std::string pattern;
  std::size_t end = 0;
  if (line.starts_with('"')) {
    for (end = 1; end < line.size() && line[end] != '"'; ++end) {
      if (line[end] == '\\' && end + 1 < line.size()) ++end;
      pattern += line[end];
    }
    text.seekg(static_cast<std::streamoff>(std::min(end + 1, line.size())));
  } else {
    text >> pattern;
  }
  if (pattern.empty() || pattern.starts_with('#') || pattern.starts_with("[attr]")) return {};
  std::string attribute;
  while (text >> attribute)
    if (attribute == "filter=mgit") return pattern;
  return {};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

std::vector<bool> tracked_by_mgit(const Repository& repository,
                                  const std::vector<std::string>& paths) {
  std::vector<bool> result(paths.size(), false);
  if (paths.empty()) return result;
  ProcessOptions options;
  options.directory = repository.work_dir().string();
  options.input.emplace();
  for (const std::string& path : paths) options.input->append(path).push_back('\0');
  const std::string output = run_checked({"git", "check-attr", "-z", "--stdin", "filter"}, options);
  std::size_t at = 0;
  const auto field = [&] {
    const std::size_t end = output.find('\0', at);
    if (end == std::string::npos) throw Error("unexpected answer", "git check-attr");
    const std::string_view value = std::string_view(output).substr(at, end - at);
    at = end + 1;
    return value;
  };
  for (std::size_t i = 0; i < paths.size(); ++i) {
    field();  // path
    field();  // "filter"
    result[i] = field() == "mgit";
  }
  return result;
}

std::vector<std::string> tracked_patterns(const Repository& repository) {
  std::vector<std::string> patterns;
  for (const std::string& line : lines_of(attributes_text(repository)))
    if (std::string pattern = pattern_of(line); !pattern.empty())
      patterns.push_back(std::move(pattern));
  return patterns;
}

bool track(const Repository& repository, const std::string& pattern) {
  if (pattern.empty() || pattern.starts_with('#') || pattern.starts_with('!') ||
      pattern.find('\n') != std::string::npos)
    throw UsageError("not a pattern that .gitattributes can hold", pattern);
  std::string text = attributes_text(repository);
  for (const std::string& line : lines_of(text))
    if (pattern_of(line) == pattern) return false;
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  text += quoted(pattern) + std::string(kAttributes) + '\n';
  os::write_file(attributes_file(repository), as_bytes(text));
  return true;
}

bool untrack(const Repository& repository, const std::string& pattern) {
  const std::string text = attributes_text(repository);
  std::string kept;
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = text.find('\n', at);
    const std::size_t next = newline == std::string::npos ? text.size() : newline + 1;
    const std::string line = text.substr(at, next - at);
    if (pattern_of(line) == pattern)
      found = true;
    else
      kept += line;
    at = next;
  }
  if (!found) return false;
  if (kept.empty())
    std::filesystem::remove(attributes_file(repository));
  else
    os::write_file(attributes_file(repository), as_bytes(kept));
  return true;
}

}  // namespace mgit
