// mgit init: a git repository that takes checkpoints.
#include "cli/git_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "workflow/set_up.h"

namespace mgit::cli {
namespace {

class Init : public PassThrough {
  std::string usage() const override { return "git init's options, then the directory"; }
  int run_with(const std::vector<std::string>& arguments) override {
    InitCall call;
    call.arguments = arguments;
    const std::vector<std::string> named = positionals(
        arguments,
        {"-b", "--initial-branch", "--template", "--separate-git-dir", "--object-format"});
    if (!named.empty()) call.directory = named.front();
    call.bare = has_flag(arguments, "--bare");
    call.quiet = has_flag(arguments, "--quiet", 'q');
    return init_repository(call, say);
  }
};

const Registered<Init> kInit("init", "create a repository for checkpoints", "mgit init models");

}  // namespace
}  // namespace mgit::cli
