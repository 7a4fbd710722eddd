#include "git/install.h"

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "base/json.h"
#include "base/os.h"
#include "base/process.h"
#include "git/hooks.h"
#include "git/text.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// What installations of before wrote: originals onto themselves, where a prune deletes our own.
constexpr std::string_view kOldOrigins = "+refs/mgit/origin/*:refs/mgit/origin/*";

/// One value that install writes. `add`: beside the values that are there (refspecs).
struct Setting {
  std::string key;
  std::string value;
  bool add = false;
};

/// The program that a shell with the user's PATH finds under this name; empty if there is none.
fs::path on_user_path(const std::string& name) {
  std::istringstream directories(user_path());
  for (std::string directory; std::getline(directories, directory, ':');) {
    const fs::path candidate = fs::path(directory.empty() ? "." : directory) / name;
    if (!fs::is_directory(candidate) && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

bool is_this_binary(const fs::path& program) {
  std::error_code ignored;
  return !program.empty() && fs::equivalent(program, own_path(), ignored);
}

/// How a shell calls this mgit: by name where that finds it, else by its path.
std::string command_name() {
  return is_this_binary(on_user_path("mgit")) ? "mgit" : shell_quoted(own_path());
}

/// git replaces %O and its like in a merge driver's command.
std::string percent_doubled(std::string text) {
  for (std::size_t at = 0; (at = text.find('%', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '%');
  return text;
}

std::vector<Setting> driver_settings() {
  const std::string mgit = command_name();
  return {{"filter.mgit.process", mgit + " filter-process"},
          {"filter.mgit.required", "true"},
          {"diff.mgit.textconv", mgit + " textconv"},
          {"diff.mgit.cachetextconv", "false"},
          {"merge.mgit.name", "mgit: checkpoints, tensor by tensor"},
          {"merge.mgit.driver", percent_doubled(mgit) + " merge-driver %O %A %B %L %P"}};
}

std::vector<Setting> merge_settings(const InstallOptions& options) {
  std::vector<Setting> settings{{"pull.twohead", "mgit"}, {"pull.octopus", "mgit"}};
  if (options.no_fast_forward) {
    settings.push_back({"merge.ff", "false"});
    settings.push_back({"pull.ff", "true"});
  }
  return settings;
}

/// `git config` on one file.
class ConfigFile {
 public:
  explicit ConfigFile(fs::path path) : path_(std::move(path)) {}

  std::vector<std::string> values(const std::string& key) const {
    const ProcessResult result = git({"-z", "--get-all", key});
    std::vector<std::string> values;
    std::istringstream text(result.output);
    for (std::string value; std::getline(text, value, '\0');) values.push_back(value);
    return values;
  }
  void set(const std::string& key, const std::string& value) const {
    checked({"--replace-all", key, value});
  }
  void add(const std::string& key, const std::string& value) const {
    checked({"--add", key, value});
  }
  void remove(const std::string& key) const { git({"--unset-all", key}); }
  void remove(const std::string& key, const std::string& value) const {
    git({"--fixed-value", "--unset-all", key, value});
  }
  /// Names of all remotes with a URL.
  std::vector<std::string> remotes() const {
    const ProcessResult result = git({"-z", "--name-only", "--get-regexp", R"(^remote\..*\.url$)"});
    std::vector<std::string> names;
    std::istringstream text(result.output);
    for (std::string key; std::getline(text, key, '\0');) {
      constexpr std::size_t kAround = std::string_view("remote..url").size();
      if (key.size() <= kAround) continue;
      std::string name = key.substr(7, key.size() - kAround);
      if (names.empty() || names.back() != name) names.push_back(std::move(name));
    }
    return names;
  }

 private:
  std::vector<std::string> command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"git", "config", "--file", path_.string()});
    return arguments;
  }
  ProcessResult git(std::vector<std::string> arguments) const {
    ProcessOptions options;
    options.capture_errors = true;
    return run_process(command(std::move(arguments)), options);
  }
  void checked(std::vector<std::string> arguments) const {
    run_checked(command(std::move(arguments)));
  }

  fs::path path_;
};

/// The record of an installation, in <common dir>/mgit/.
struct Record {
  Digest config_after;  // none until the installation is complete
  struct Change {
    Setting setting;
    std::vector<std::string> before;
  };
  std::vector<Change> changes;
  InstalledHooks hooks;
};

fs::path record_file(const Repository& repository) {
  return repository.mgit_dir() / "install.json";
}
fs::path config_copy(const Repository& repository) {
  return repository.mgit_dir() / "config.before";
}
/// Through symbolic links, so that replacing the file does not replace the link.
fs::path config_file(const Repository& repository) {
  return fs::weakly_canonical(repository.common_dir() / "config");
}

void write_record(const Repository& repository, const Record& record) {
  Json changes = Json::array();
  for (const Record::Change& change : record.changes)
    changes.push_back({{"key", change.setting.key},
                       {"value", change.setting.value},
                       {"added", change.setting.add},
                       {"before", change.before}});
  const Json json{{"version", 1},
                  {"config_after", record.config_after.hex()},
                  {"changes", changes},
                  {"hooks", Json{{"directory", record.hooks.directory.string()},
                                 {"created_directory", record.hooks.created_directory},
                                 {"names", record.hooks.names}}}};
  const std::string text = json.dump() + "\n";
  os::write_file(record_file(repository), as_bytes(text));
}

/// Members of the record; throws CorruptError if one is not there or of another kind.
class RecordReader {
 public:
  explicit RecordReader(std::string file) : file_(std::move(file)) {}

  template <typename T>
  T required(std::optional<T> value) const {
    if (!value) throw CorruptError("not as mgit install wrote it", file_);
    return *std::move(value);
  }
  const Json& member(const Json& object, const char* key) const {
    const Json* const found = object.find(key);
    if (found == nullptr) throw CorruptError(fmt::format("has no '{}'", key), file_);
    return *found;
  }
  std::string text(const Json& object, const char* key) const {
    return required(member(object, key).string());
  }
  bool flag(const Json& object, const char* key) const {
    return required(member(object, key).boolean());
  }
  std::vector<std::string> texts(const Json& object, const char* key) const {
    std::vector<std::string> result;
    for (const Json& each : list(object, key)) result.push_back(required(each.string()));
    return result;
  }
  const std::vector<Json>& list(const Json& object, const char* key) const {
    const Json& found = member(object, key);
    if (!found.is_array()) throw CorruptError(fmt::format("'{}' is not a list", key), file_);
    return found.elements();
  }

 private:
  std::string file_;
};

Record read_record(const Repository& repository) {
  const fs::path file = record_file(repository);
  const RecordReader reader(file.string());
  const Json json = reader.required(Json::parse(os::read_file(file)));
  Record record;
  record.config_after = reader.required(Digest::from_hex(reader.text(json, "config_after")));
  for (const Json& change : reader.list(json, "changes"))
    record.changes.push_back(
        {{reader.text(change, "key"), reader.text(change, "value"), reader.flag(change, "added")},
         reader.texts(change, "before")});
  const Json& hooks = reader.member(json, "hooks");
  record.hooks = {reader.text(hooks, "directory"), reader.flag(hooks, "created_directory"),
                  reader.texts(hooks, "names")};
  return record;
}

bool same_directory(const fs::path& a, const fs::path& b) {
  return fs::weakly_canonical(a) == fs::weakly_canonical(b);
}

/// The configuration was changed after install: takes ours out and puts back what ours replaced.
void undo_changes(const ConfigFile& config, const Record& record) {
  for (const auto& [setting, before] : record.changes) {
    if (setting.add) {
      config.remove(setting.key, setting.value);
      continue;
    }
    if (config.values(setting.key) != std::vector<std::string>{setting.value}) continue;
    config.remove(setting.key);
    for (const std::string& value : before) config.add(setting.key, value);
  }
}

/// Nobody works in it; it is pushed to.
bool is_server_alone(const Repository& repository, const InstallOptions& options) {
  return repository.work_dir().empty() && options.server != InstallOptions::Server::kNo;
}

std::vector<std::string> hooks_here(const Repository& repository, const InstallOptions& options) {
  std::vector<std::string> names;
  if (!is_server_alone(repository, options)) names = client_hooks();
  if (options.server == InstallOptions::Server::kPreReceive) names.emplace_back("pre-receive");
  if (options.server == InstallOptions::Server::kUpdate) names.emplace_back("update");
  return names;
}

std::vector<Setting> settings_here(const Repository& repository, const ConfigFile& config,
                                   const InstallOptions& options, InstallReport& report) {
  if (is_server_alone(repository, options)) return {};
  std::vector<Setting> settings = driver_settings();
  if (is_this_binary(on_user_path("git-merge-mgit"))) {
    for (Setting& setting : merge_settings(options)) settings.push_back(std::move(setting));
  } else {
    report.warnings.push_back(
        fmt::format("git-merge-mgit is not on PATH: plain 'git merge' merges file by file; put {} "
                    "on PATH and run mgit install again",
                    fs::path(own_path()).parent_path().string()));
  }
  // A record stays with a commit that is amended or picked anew.
  settings.push_back({"notes.rewriteRef", "refs/notes/mgit/*", true});
  for (const char* refs : {"refs/notes/mgit/*", "refs/mgit/*"})
    settings.push_back({"log.excludeDecoration", refs, true});
  for (const std::string& remote : config.remotes())
    for (std::string& refspec : shared_refspecs(remote))
      settings.push_back({"remote." + remote + ".fetch", std::move(refspec), true});
  return settings;
}

}  // namespace

InstallReport install(const Repository& repository, const InstallOptions& options) {
  InstallReport report;
  if (fs::exists(record_file(repository))) report.warnings = uninstall(repository);
  os::create_directories(record_file(repository).parent_path());
  const ConfigFile config(config_file(repository));
  for (const std::string& remote : config.remotes())  // those that no record knows
    config.remove("remote." + remote + ".fetch", std::string(kOldOrigins));
  os::write_file(config_copy(repository), as_bytes(os::read_file(config_file(repository))));
  Record record;
  for (Setting& setting : settings_here(repository, config, options, report)) {
    std::vector<std::string> before = config.values(setting.key);
    record.changes.push_back({std::move(setting), std::move(before)});
  }
  record.hooks = put_hooks(repository, command_name(), hooks_here(repository, options));
  if (!record.hooks.called.empty())
    record.changes.push_back(
        {{"core.hooksPath", record.hooks.directory.string()}, config.values("core.hooksPath")});
  // Written before the configuration changes, so that an installation cut short can be undone.
  write_record(repository, record);
  for (const auto& [setting, before] : record.changes) {
    if (!setting.add)
      config.set(setting.key, setting.value);
    else if (std::find(before.begin(), before.end(), setting.value) == before.end())
      config.add(setting.key, setting.value);
  }
  record.config_after = sha256(as_bytes(os::read_file(config_file(repository))));
  write_record(repository, record);
  if (!same_directory(hooks_directory(repository), record.hooks.directory))
    report.warnings.push_back(fmt::format(
        "git looks for hooks in {}, by a core.hooksPath that .git/config does not decide; mgit's, "
        "in {}, do not run",
        hooks_directory(repository).string(), record.hooks.directory.string()));
  report.kept_hooks = record.hooks.kept;
  report.notes = record.hooks.notes;
  return report;
}

std::vector<std::string> uninstall(const Repository& repository) {
  if (!fs::exists(record_file(repository)))
    throw Error("mgit is not installed in this repository", repository.common_dir().string());
  const Record record = read_record(repository);
  std::vector<std::string> warnings = remove_hooks(record.hooks);
  const fs::path file = config_file(repository);
  const fs::path copy = config_copy(repository);
  if (fs::exists(copy) && sha256(as_bytes(os::read_file(file))) == record.config_after) {
    const fs::perms mode = fs::status(file).permissions();
    os::write_file(file, as_bytes(os::read_file(copy)));
    fs::permissions(file, mode);
  } else {
    undo_changes(ConfigFile(file), record);
  }
  fs::remove(copy);
  fs::remove(record_file(repository));
  return warnings;
}

Installed installed(const Repository& repository) {
  if (!fs::exists(record_file(repository))) return Installed::kNot;
  return read_record(repository).config_after == Digest{} ? Installed::kPartly : Installed::kFully;
}

void install_globally() {
  for (const Setting& setting : driver_settings())
    run_checked({"git", "config", "--global", "--replace-all", setting.key, setting.value});
}

void uninstall_globally() {
  for (const char* section : {"filter.mgit", "diff.mgit", "merge.mgit"}) {
    ProcessOptions options;
    options.capture_errors = true;
    run_process({"git", "config", "--global", "--remove-section", section}, options);
  }
}

std::vector<std::string> filter_settings() {
  std::vector<std::string> settings;
  for (const Setting& setting : driver_settings())
    if (setting.key.starts_with("filter.")) settings.push_back(setting.key + "=" + setting.value);
  return settings;
}

void update_shared_refspecs(const Repository& repository) {
  const ConfigFile config(config_file(repository));
  bool changed = false;
  for (const std::string& remote : config.remotes()) {
    const std::string key = "remote." + remote + ".fetch";
    const std::vector<std::string> values = config.values(key);
    if (std::find(values.begin(), values.end(), kOldOrigins) == values.end()) continue;
    const std::string now = shared_refspecs(remote).front();
    config.remove(key, std::string(kOldOrigins));
    if (std::find(values.begin(), values.end(), now) == values.end()) config.add(key, now);
    changed = true;
  }
  if (!changed || !fs::exists(record_file(repository))) return;
  Record record = read_record(repository);  // so that uninstall takes the new ones out
  for (Record::Change& change : record.changes) {
    Setting& setting = change.setting;
    if (setting.value != kOldOrigins || !setting.key.starts_with("remote.")) continue;
    constexpr std::size_t kAround = std::string_view("remote..fetch").size();
    setting.value = shared_refspecs(setting.key.substr(7, setting.key.size() - kAround)).front();
    std::erase(change.before, std::string(kOldOrigins));
  }
  record.config_after = sha256(as_bytes(os::read_file(config_file(repository))));
  write_record(repository, record);
}

std::vector<std::string> shared_refspecs(const std::string& remote) {
  return {"+refs/mgit/origin/*:refs/mgit/remotes/" + remote + "/origin/*",
          "+refs/notes/mgit/*:refs/mgit/remotes/" + remote + "/notes/*"};
}

}  // namespace mgit
