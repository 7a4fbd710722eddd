// mgit request: the Markdown for a pull request.
#include "workflow/request/request.h"

#include <fmt/format.h>

#include "base/os.h"
#include "base/progress.h"
#include "cli/command.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class RequestCommand : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Of HEAD against the base: where the model comes from, which layers changed and by how "
        "much, the barrier against the base before and after a rebase, the evaluation beside the "
        "base's, what mgit verify proves of its commits, and how to take the branch. Barrier and "
        "evaluation run where .mgitconfig names network and data and mgit trust accepted them; "
        "else it says what they need. Names and subjects that others wrote are escaped, for GitHub "
        "and GitLab alike.");
    options.argument("base", call_.base,
                     "what it is to be merged into; default: origin's branch, else main");
    options.value("-o,--output", output_, "into this file").value_name("file");
    options
        .value("--branch", call_.branch,
               "what the branch is called where it is pushed; default: the current one")
        .value_name("name");
    options.value("--points", call_.points, "evaluations along the line (default 25)")
        .range(2, 10000);
    options.flag("--no-measure", no_measure_, "no barrier; of evaluations, what is recorded");
  }

  int run() override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    call_.measure = !no_measure_;
    std::optional<Progress> progress;
    call_.progress = [&](std::uint64_t more, std::uint64_t total) {
      if (!progress) progress.emplace("evaluating", total);
      progress->advance(more);
    };
    const std::string text = request_markdown(repository, call_);
    progress.reset();
    if (output_.empty())
      fmt::print("{}", text);
    else
      os::write_file(output_, as_bytes(text));
    return 0;
  }

 private:
  RequestCall call_;
  std::string output_;
  bool no_measure_ = false;
};

const Registered<RequestCommand> kRequest("request",
                                          "describe a branch's models for a pull request",
                                          "mgit request main -o request.md");

}  // namespace
}  // namespace mgit::cli
