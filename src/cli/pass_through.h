// A command that takes git's arguments as they come.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace mgit::cli {

class PassThrough : public Command {
 public:
  /// Only for --help.
  void options(Options& options) final {
    options.as_git(usage());
    declare(options);
  }
  std::optional<int> run_raw(const std::vector<std::string>& arguments) final {
    if (!arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h"))
      return std::nullopt;
    return run_with(arguments);
  }
  int run() final { return 0; }

 protected:
  /// What the arguments are, for --help.
  virtual std::string usage() const = 0;
  /// For --help: options of mgit's beside git's, and a description.
  virtual void declare(Options&) {}
  virtual int run_with(const std::vector<std::string>& arguments) = 0;
};

}  // namespace mgit::cli
