// mgit hook: mgit's part of a git hook. `git hook run` stays git's.
#include <iostream>
#include <iterator>

#include "cli/command.h"
#include "cli/say.h"
#include "workflow/hook_actions.h"

namespace mgit::cli {
namespace {

class Hook : public Command {
 public:
  bool belongs_to_git(const std::vector<std::string>& arguments) const override {
    return arguments.empty() || arguments.front() == "run";
  }
  std::optional<int> run_raw(const std::vector<std::string>& arguments) override {
    std::string input;
    if (hook_has_input(arguments.front()))
      input.assign(std::istreambuf_iterator<char>(std::cin), {});
    return run_hook_action(arguments.front(), {arguments.begin() + 1, arguments.end()}, input, say);
  }
  void options(Options&) override {}
  int run() override { return 0; }
};

const Registered<Hook> kHook("hook", "mgit's part of a git hook", "", Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
