#include "workflow/undo/operation_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/os.h"
#include "base/shared_permissions.h"

namespace mgit {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::uintmax_t kLongestLog = 1 << 20;  // then the older half goes

/// In a folder of its own: gc takes what lies in mgit/ itself for state that keeps objects.
fs::path log_file(const Repository& repository) {
  return repository.mgit_dir() / "log" / "operations";
}

Json json_of(const std::optional<Oid>& id) { return id ? Json(id->hex()) : Json(nullptr); }

std::string line_of(const Operation& operation) {
  Json line;
  line["time"] = operation.time;
  line["what"] = operation.what;
  if (operation.reverses) line["reverses"] = *operation.reverses;
  for (const RefMove& move : operation.refs)
    line["refs"].push_back({move.name, json_of(move.before), json_of(move.after)});
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool read_id(const Json& json, std::optional<Oid>& id) {
  if (json.is_null()) return true;
  id = json.is_string() ? Oid::from_hex(json.get<std::string>()) : std::nullopt;
  return id.has_value();
}

std::optional<Operation> parse_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("refs") || !json["refs"].is_array()) return std::nullopt;
  Operation operation;
  if (const auto time = json.find("time"); time != json.end() && time->is_number_integer())
    operation.time = time->get<std::int64_t>();
  if (const auto what = json.find("what"); what != json.end() && what->is_string())
    operation.what = what->get<std::string>();
  if (const auto other = json.find("reverses"); other != json.end() && other->is_number_unsigned())
    operation.reverses = other->get<std::uint64_t>();
  for (const Json& entry : json["refs"]) {
    if (!entry.is_array() || entry.size() != 3 || !entry[0].is_string()) return std::nullopt;
    RefMove move{entry[0].get<std::string>(), std::nullopt, std::nullopt};
    if (!read_id(entry[1], move.before) || !read_id(entry[2], move.after)) return std::nullopt;
    operation.refs.push_back(std::move(move));
  }
  return operation;
}

/// Operations are numbered by where their line begins, so the numbers of what is left would change
/// if lines went away: those that go are blanked by one line that says how much there was.
struct Lines {
  std::uint64_t dropped = 0;  // bytes of lines that went
  std::string text;
};

constexpr std::string_view kDropped = "dropped ";

Lines read_lines(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  Lines lines{0, os::read_file(path)};
  if (!lines.text.starts_with(kDropped)) return lines;
  const std::size_t end = std::min(lines.text.find('\n'), lines.text.size());
  lines.dropped = std::strtoull(lines.text.c_str() + kDropped.size(), nullptr, 10);
  lines.text.erase(0, std::min(end + 1, lines.text.size()));
  return lines;
}

void drop_older_half(const fs::path& path) {
  Lines lines = read_lines(path);
  const std::size_t cut = lines.text.find('\n', lines.text.size() / 2);
  if (cut == std::string::npos) return;
  const std::string kept = std::string(kDropped) + std::to_string(lines.dropped + cut + 1) + "\n" +
                           lines.text.substr(cut + 1);
  os::write_file(path, as_bytes(kept));
}

}  // namespace

void record_operation(const Repository& repository, Operation operation) {
  std::erase_if(operation.refs, [](const RefMove& move) { return move.before == move.after; });
  if (operation.refs.empty()) return;
  operation.time = std::time(nullptr);
  const fs::path path = log_file(repository);
  os::create_directories(path.parent_path());
  const os::File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.fd() < 0) throw Error(std::strerror(errno), path.string());
  adjust_permissions(path);
  os::write_all(file, as_bytes(line_of(operation)), path);
  struct stat status {};
  if (::fstat(file.fd(), &status) == 0 && static_cast<std::uintmax_t>(status.st_size) > kLongestLog)
    drop_older_half(path);
}

std::vector<Operation> operation_log(const Repository& repository) {
  std::vector<Operation> log;
  const Lines lines = read_lines(log_file(repository));
  std::size_t begin = 0;
  while (begin < lines.text.size()) {
    const std::size_t end = std::min(lines.text.find('\n', begin), lines.text.size());
    if (auto operation = parse_line(std::string_view(lines.text).substr(begin, end - begin))) {
      operation->id = lines.dropped + begin;
      log.push_back(*std::move(operation));
    }
    begin = end + 1;
  }
  return log;
}

bool is_reversed(const std::vector<Operation>& log, const Operation& operation) {
  return std::count_if(log.begin(), log.end(),
                       [&](const Operation& later) { return later.reverses == operation.id; }) %
             2 ==
         1;
}

}  // namespace mgit
