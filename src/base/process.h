// Running other programs, `git` above all. No shell is involved.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit {

struct ProcessOptions {
  std::string directory{};                           // empty: the current one
  std::optional<std::string> input{};                // fed to stdin; nullopt: inherit
  std::map<std::string, std::string> environment{};  // added to ours
  bool capture_output = true;                        // else inherited
  bool capture_errors = false;                       // else inherited
  int input_from = -1;                               // a descriptor for stdin, not owned
  int output_to = -1;                                // a descriptor for stdout; nothing is captured
};

struct ProcessResult {
  int status = 0;  // exit status; 128 + signal if killed; 127 if the program is not there
  std::string output;
  std::string errors;
};

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

/// run_process that throws Error (git's own words as text) unless the status is 0; returns stdout.
std::string run_checked(const std::vector<std::string>& arguments, ProcessOptions options = {});

/// Replaces this process. Throws Error if the program cannot be started.
[[noreturn]] void exec_process(const std::vector<std::string>& arguments);

/// 'text' for a shell, as git quotes it.
std::string shell_quoted(std::string_view text);

/// Absolute path of the running binary.
std::string own_path();

/// The command lines of the processes that this one descends from, nearest first, `most` at most,
/// as far as the system tells. None is empty.
std::vector<std::vector<std::string>> callers(int most);

/// Puts the directory of the running binary first in PATH, so that git finds git-merge-mgit and
/// mgit from the same build.
void put_own_directory_on_path();

/// PATH as the user set it: without what put_own_directory_on_path() added.
std::string user_path();

}  // namespace mgit
