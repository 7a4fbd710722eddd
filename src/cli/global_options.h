// git's options before the command: mgit -C <dir> -c <name>=<value> <command> …
#pragma once

#include <string>
#include <vector>

namespace mgit::cli {

class GlobalOptions {
 public:
  /// Reads the options in front of the command. Throws UsageError as git does: a value is missing.
  explicit GlobalOptions(const std::vector<std::string>& arguments);

  /// The command and its arguments; empty: there is none.
  const std::vector<std::string>& rest() const { return rest_; }
  /// The options as typed, for a command of git's.
  const std::vector<std::string>& words() const { return words_; }
  /// --exec-path, --html-path, …: git answers, without a command.
  bool git_answers() const { return git_answers_; }
  bool version() const { return version_; }
  bool help() const { return help_; }

  /// For a command of mgit's: goes to the directory and sets the environment, as git would.
  /// Throws Error if there is no such directory or variable.
  void apply() const;

 private:
  std::vector<std::string> words_;
  std::vector<std::string> rest_;
  std::vector<std::pair<std::string, std::string>> steps_;  // name, value; in order
  bool git_answers_ = false;
  bool version_ = false;
  bool help_ = false;
};

}  // namespace mgit::cli
