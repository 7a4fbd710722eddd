// A command of mgit: one file each, registered by name. Parse, call, print; no logic.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace mgit::cli {

class Command {
 public:
  virtual ~Command() = default;
  /// Declares options and arguments. `options` outlives the command's run().
  virtual void options(Options& options) = 0;
  /// For a protocol that is not ours to shape: a command that takes its arguments as they come
  /// returns a status here, and options() and run() are not called.
  virtual std::optional<int> run_raw(const std::vector<std::string>& arguments) {
    static_cast<void>(arguments);
    return std::nullopt;
  }
  /// True if these arguments ask for what only git's command of the same name does.
  virtual bool belongs_to_git(const std::vector<std::string>& arguments) const {
    static_cast<void>(arguments);
    return false;
  }
  /// Returns the exit status.
  virtual int run() = 0;
};

struct CommandEntry {
  std::string name;
  std::string summary;  // one line, lower case
  std::string example;  // shown by --help; may have several lines
  bool hidden = false;  // plumbing that git calls: filters, drivers, hooks
  std::unique_ptr<Command> (*make)() = nullptr;
};

/// All commands, sorted by name once dispatch() runs.
std::vector<CommandEntry>& command_table();

/// Name, summary and examples; the command itself declares the rest.
Options describe(const CommandEntry& entry);

enum class Visibility { kShown, kHidden };

/// At namespace scope: const Registered<Ls> kLs("ls", "list the tensors of a revision", "mgit ls
/// main");
template <typename T>
class Registered {
 public:
  Registered(const char* name, const char* summary, const char* example,
             Visibility visibility = Visibility::kShown) {
    command_table().push_back({name, summary, example, visibility == Visibility::kHidden,
                               []() -> std::unique_ptr<Command> { return std::make_unique<T>(); }});
  }
};

}  // namespace mgit::cli
