// Finds the command, runs it, turns errors into one line. What mgit does not have goes to git.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/process.h"
#include "cli/command.h"
#include "mgit/base.h"

namespace mgit::cli {

std::vector<CommandEntry>& command_table() {
  static std::vector<CommandEntry> table;
  return table;
}

namespace {

constexpr int kFatal = 128;
constexpr int kUsage = 129;

const CommandEntry* find_command(const std::string& name) {
  for (const CommandEntry& entry : command_table())
    if (entry.name == name) return &entry;
  return nullptr;
}

void print_overview() {
  fmt::print(
      "usage: mgit <command> [<args>]\n\n"
      "Version control for neural-network checkpoints. mgit's own commands:\n\n");
  for (const CommandEntry& entry : command_table())
    if (!entry.hidden) fmt::print("   {:<12} {}\n", entry.name, entry.summary);
  fmt::print(
      "\nEvery other command is git's: mgit status, mgit log, mgit commit, mgit switch …\n"
      "'mgit <command> --help' explains a command; 'mgit demo' shows the whole story.\n");
}

std::string indented(const std::string& lines) {
  std::string text = "  ";
  for (const char each : lines) text += each == '\n' ? std::string("\n  ") : std::string(1, each);
  return text;
}

[[noreturn]] void exec_git(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", name};
  command.insert(command.end(), arguments.begin(), arguments.end());
  exec_process(command);
}

int run_command(const CommandEntry& entry, int argc, char** argv) {
  Options options("mgit " + entry.name, entry.summary);
  if (!entry.example.empty()) options.footer("Example:\n" + indented(entry.example));
  const std::unique_ptr<Command> command = entry.make();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (command->belongs_to_git(arguments)) exec_git(entry.name, arguments);
  if (const auto status = command->run_raw(arguments)) return *status;
  command->options(options);
  if (!options.parse(arguments)) {
    fmt::print("{}", options.help());
    return 0;
  }
  return command->run();
}

int dispatch(int argc, char** argv) {
  const std::string invoked = std::filesystem::path(argv[0]).filename().string();
  if (invoked == "git-merge-mgit") return run_command(*find_command("merge-strategy"), argc, argv);
  if (argc < 2 || std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0) {
    print_overview();
    return argc < 2 ? kUsage : 0;
  }
  const std::string name = argv[1];
  if (name == "--version") {
    fmt::print("mgit version {}\n", MGIT_VERSION);
    return 0;
  }
  if (name == "help" && argc > 2 && find_command(argv[2]) != nullptr) {
    char help[] = "--help";
    char* arguments[] = {argv[0], help, nullptr};
    return run_command(*find_command(argv[2]), 2, arguments);
  }
  if (name == "help" && argc == 2) {
    print_overview();
    return 0;
  }
  put_own_directory_on_path();
  if (const CommandEntry* entry = find_command(name))
    return run_command(*entry, argc - 1, argv + 1);
  exec_git(name, {argv + 2, argv + argc});
}

int report(const Error& error) {
  const std::string where = error.where().empty() ? "" : error.where() + ": ";
  const char* kind = error.exit_code() == kFatal ? "fatal" : "error";
  fmt::print(stderr, "{}: {}{}\n", kind, where, error.what());
  if (!error.hint().empty()) fmt::print(stderr, "hint: {}\n", error.hint());
  return error.exit_code();
}

int guarded(int argc, char** argv) {
  try {
    std::sort(command_table().begin(), command_table().end(),
              [](const CommandEntry& a, const CommandEntry& b) { return a.name < b.name; });
    return dispatch(argc, argv);
  } catch (const Error& error) {
    std::fflush(stdout);
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(Error("out of memory"));
  } catch (const std::exception& error) {
    return report(Error(error.what()));
  }
}

}  // namespace
}  // namespace mgit::cli

int main(int argc, char** argv) {
  // Buffers of frames and tensors come and go: giving their pages back to the kernel each time
  // costs more than coding them.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
  const int status = mgit::cli::guarded(argc, argv);
  return std::fflush(stdout) == 0 ? status : 128;
}
