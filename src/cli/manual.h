// The reference of all commands, made from what they declare.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"

namespace mgit::cli {

/// A command with the options it declared; the options refer into the command.
struct DescribedCommand {
  const CommandEntry* entry = nullptr;
  std::unique_ptr<Command> command;
  Options options;
};

/// Those that are shown, sorted by name.
std::vector<DescribedCommand> describe_all();

/// docs/cli.md.
std::string manual_markdown(const std::vector<DescribedCommand>& commands);
/// mgit-<command>.1.
std::string manual_page(const DescribedCommand& command);
/// mgit.1, with the list of commands.
std::string manual_overview(const std::vector<DescribedCommand>& commands);

}  // namespace mgit::cli
