// The arguments that git fetch and git pull share.
#pragma once

#include "cli/git_arguments.h"
#include "workflow/exchange/exchange.h"

namespace mgit::cli {

inline FetchCall parse_fetch(const std::vector<std::string>& arguments) {
  FetchCall call;
  call.arguments = arguments;
  call.all = has_flag(arguments, "--all");
  call.dry_run = has_flag(arguments, "--dry-run");
  call.quiet = has_flag(arguments, "--quiet", 'q');
  const std::vector<std::string> named = positionals(
      arguments, {"-o", "--server-option", "--upload-pack", "--depth", "--deepen", "-j", "--jobs",
                  "--shallow-since", "--shallow-exclude", "--refmap", "--negotiation-tip",
                  "--filter", "-s", "--strategy", "-X", "--strategy-option"});
  if (!named.empty()) call.remote = named.front();
  return call;
}

}  // namespace mgit::cli
