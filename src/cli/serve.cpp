// mgit serve: what answers on the far side of an ssh remote.
#include "remote/serve.h"

#include <unistd.h>

#include <csignal>

#include "cli/command.h"

namespace mgit::cli {
namespace {

class Serve : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Answers mgit on another machine about the objects of a repository, on stdin and stdout; "
        "ssh starts it where a remote is an ssh URL.");
    options.argument("DIRECTORY", directory_, "the repository").required();
  }
  int run() override {
    std::signal(SIGPIPE, SIG_IGN);  // so that what is half written is cleared away
    return serve_repository(STDIN_FILENO, STDOUT_FILENO, directory_);
  }

 private:
  std::string directory_;
};

const Registered<Serve> kServe("serve", "the far side of a remote over ssh",
                               "mgit serve models.git", Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
