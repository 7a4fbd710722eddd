// mgit demo: the whole story, in a fresh directory.
#include "workflow/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/command.h"

namespace mgit::cli {
namespace {

class DemoCommand : public Command {
 public:
  void options(Options& options) override {
    options.argument("directory", options_.directory, "new or empty (default ./mgit-demo)");
    options.value("--data", options_.mnist, "MNIST's idx files, instead of drawn digits")
        .value_name("directory");
    options.value("--seed", options_.seed, "of pictures and networks (default 0)");
  }

  int run() override {
    options_.colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    options_.say = [](const std::string& line) {
      fmt::print("{}\n", line);
      std::fflush(stdout);
    };
    run_demo(options_);
    return 0;
  }

 private:
  DemoOptions options_;
};

const Registered<DemoCommand> kDemo("demo", "train, commit, rebase and merge two small networks",
                                    "mgit demo");

}  // namespace
}  // namespace mgit::cli
