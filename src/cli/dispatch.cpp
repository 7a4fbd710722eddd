#include "cli/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "base/process.h"
#include "base/similar.h"
#include "cli/command.h"
#include "cli/global_options.h"
#include "mgit/base.h"

namespace mgit::cli {

std::vector<CommandEntry>& command_table() {
  static std::vector<CommandEntry> table;
  return table;
}

namespace {

using Words = std::vector<std::string>;

constexpr int kUsage = 129;

/// Status 1, as git's.
class UnknownCommand : public Error {
 public:
  using Error::Error;
  int exit_code() const override { return 1; }
};

/// git's commands that are typed most: for them git is not asked first whether it has them.
constexpr std::array<std::string_view, 24> kFrequent{
    "am",       "bisect",    "blame",  "branch",   "cat-file", "cherry-pick", "clean",  "commit",
    "config",   "grep",      "log",    "ls-files", "mv",       "notes",       "reflog", "remote",
    "rev-list", "rev-parse", "revert", "rm",       "show",     "stash",       "status", "tag"};

const CommandEntry* find_command(const std::string& name) {
  for (const CommandEntry& entry : command_table())
    if (entry.name == name) return &entry;
  return nullptr;
}

int print_overview() {
  fmt::print(
      "usage: mgit [<git's options>] <command> [<args>]\n\n"
      "Version control for neural-network checkpoints. mgit's own commands:\n\n");
  for (const CommandEntry& entry : command_table())
    if (!entry.hidden) fmt::print("   {:<12} {}\n", entry.name, entry.summary);
  fmt::print(
      "\nEvery other command is git's: mgit status, mgit log, mgit commit, mgit branch …\n"
      "'mgit help <command>' explains one; 'mgit demo' shows the whole story.\n");
  return 0;
}

[[noreturn]] void exec_git_with(const Words& options, const Words& command) {
  Words words{"git"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), command.begin(), command.end());
  std::fflush(stdout);
  exec_process(words);
}

int run_command(const CommandEntry& entry, const Words& arguments) {
  Options options = describe(entry);
  const std::unique_ptr<Command> command = entry.make();
  if (command->belongs_to_git(arguments)) {
    Words words{entry.name};
    words.insert(words.end(), arguments.begin(), arguments.end());
    exec_git_with({}, words);
  }
  if (const auto status = command->run_raw(arguments)) return *status;
  command->options(options);
  if (!options.parse(arguments)) {
    fmt::print("{}", options.help());
    return 0;
  }
  return command->run();
}

/// `mgit version`: mgit's, then git's.
[[noreturn]] void print_version(const Words& options) {
  fmt::print("mgit version {}\n", MGIT_VERSION);
  Words command{"version"};
  command.insert(command.end(), options.begin(), options.end());
  exec_git_with({}, command);
}

int run_help(const Words& arguments) {
  if (arguments.empty()) return print_overview();
  if (const CommandEntry* entry = find_command(arguments.front()))
    return run_command(*entry, {"--help"});
  Words command{"help"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  exec_git_with({}, command);
}

Words git_commands() {
  ProcessOptions options;
  options.capture_errors = true;
  std::istringstream lines(
      run_process({"git", "--list-cmds=main,others,alias,nohelpers"}, options).output);
  Words names;
  for (std::string name; std::getline(lines, name);) names.push_back(name);
  return names;
}

/// A slip of a command of mgit's is explained here; for others git has its own words, and
/// help.autocorrect.
[[noreturn]] void hand_to_git(const GlobalOptions& global) {
  const std::string& name = global.rest().front();
  const bool frequent = std::find(kFrequent.begin(), kFrequent.end(), name) != kFrequent.end();
  Words known = frequent ? Words{} : git_commands();
  if (frequent || known.empty() || std::find(known.begin(), known.end(), name) != known.end())
    exec_git_with(global.words(), global.rest());
  for (const CommandEntry& entry : command_table())
    if (!entry.hidden) known.push_back(entry.name);
  const Words near = similar_names(name, known);
  const bool ours = std::any_of(near.begin(), near.end(), [](const std::string& each) {
    const CommandEntry* entry = find_command(each);
    return entry != nullptr && !entry->hidden;
  });
  if (!ours) exec_git_with(global.words(), global.rest());
  std::string hint = "did you mean";
  for (const std::string& each : near)
    hint += fmt::format("{} 'mgit {}'", &each == &near.front() ? "" : " or", each);
  throw UnknownCommand("neither an mgit nor a git command", name, hint + "?");
}

}  // namespace

Options describe(const CommandEntry& entry) {
  Options options("mgit " + entry.name, entry.summary);
  std::string text;
  std::istringstream lines(entry.example);
  for (std::string line; std::getline(lines, line);) text += "\n  " + line;
  if (!text.empty()) options.footer("Example:" + text);
  return options;
}

int dispatch(const std::string& program, const std::vector<std::string>& arguments) {
  std::sort(command_table().begin(), command_table().end(),
            [](const CommandEntry& a, const CommandEntry& b) { return a.name < b.name; });
  if (std::filesystem::path(program).filename() == "git-merge-mgit")
    return run_command(*find_command("merge-strategy"), arguments);
  const GlobalOptions global(arguments);
  if (global.version()) print_version({});
  if (global.git_answers()) exec_git_with({}, arguments);
  if (global.help()) return run_help({global.rest().begin() + 1, global.rest().end()});
  if (global.rest().empty()) {
    print_overview();
    return kUsage;
  }
  put_own_directory_on_path();
  const std::string& name = global.rest().front();
  const Words rest(global.rest().begin() + 1, global.rest().end());
  const CommandEntry* const entry = find_command(name);
  if (entry == nullptr && name != "version" && name != "help") hand_to_git(global);
  global.apply();
  if (entry != nullptr) return run_command(*entry, rest);
  if (name == "help") return run_help(rest);
  print_version(rest);
}

}  // namespace mgit::cli
