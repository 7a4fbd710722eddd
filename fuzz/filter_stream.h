// git's side of the filter protocol, as gitattributes(5) has it under "Long Running Filter
// Process".
#pragma once

#include <string>
#include <string_view>

#include "worktree/pkt_line.h"

namespace mgit::fuzz {

inline void greet(PacketWriter& writer) {
  writer.line("git-filter-client");
  writer.line("version=2");
  writer.flush();
  writer.line("capability=clean");
  writer.line("capability=smudge");
  writer.flush();
}

inline void ask(PacketWriter& writer, const std::string& command, const std::string& path,
                std::string_view content) {
  writer.line("command=" + command);
  writer.line("pathname=" + path);
  writer.flush();
  writer.data(as_bytes(content));
  writer.flush();
}

}  // namespace mgit::fuzz
