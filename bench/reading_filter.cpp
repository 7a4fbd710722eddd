// A clean filter that reads a file and keeps nothing: what git's pipe allows, for
// bench_pipeline.sh.
#include <unistd.h>

#include "mgit/base.h"
#include "worktree/pkt_line.h"

namespace mgit {
namespace {

void serve() {
  PacketReader input(STDIN_FILENO);
  PacketWriter output(STDOUT_FILENO);
  if (!input.lines()) return;
  output.line("git-filter-server");
  output.line("version=2");
  output.flush();
  if (!input.lines()) return;
  output.line("capability=clean");
  output.flush();
  while (input.lines()) {
    std::string_view payload;
    while (input.next(payload) == PacketReader::Kind::kData) {
    }
    output.line("status=success");
    output.flush();
    output.line("read");
    output.flush();
    output.flush();
  }
}

}  // namespace
}  // namespace mgit

int main() { mgit::serve(); }
