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
  void options(CLI::App& app) override {
    app.add_option("directory", options_.directory, "new or empty (default ./mgit-demo)");
    app.add_option("--data", options_.mnist, "MNIST's idx files, instead of drawn digits");
    app.add_option("--seed", options_.seed, "of pictures and networks (default 0)");
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
