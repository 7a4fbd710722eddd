// mgit adopt: checkpoints that were committed without mgit become versions like any other.
#include "workflow/adopt/adopt.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/say.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class Adopt : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "Somebody without mgit, or with git's filters off, commits the checkpoint itself where its "
        "manifest was. mgit adopt takes what HEAD has of that kind into the store, coded against "
        "the version that it replaced, and commits the manifests: the line of the model goes on. "
        "mgit pull and mgit merge do it on the way. Commits that hold the files whole stay in the "
        "history; mgit migrate import rewrites it.");
    options.arguments("paths", paths_, "only these files");
    options.flag("-q,--quiet", quiet_, "say only what was left");
  }

  int run() override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    std::vector<std::string> paths;
    for (const std::string& path : paths_) paths.push_back(from_top(repository, path));
    const Adoption adoption = adopt_head(repository, std::nullopt, paths);
    for (const std::string& line : adoption.left) say("warning: " + line);
    if (!adoption.commit) {
      if (adoption.left.empty() && !quiet_)
        fmt::print("Nothing to adopt: git has the manifests of all checkpoints.\n");
      return adoption.left.empty() ? 0 : 1;
    }
    if (quiet_) return 0;
    for (const AdoptedFile& file : adoption.files) fmt::print("{}\n", describe_adopted(file));
    const std::string branch = repository.head_branch().value_or("detached HEAD");
    fmt::print("[{} {}] {}\n", branch.substr(branch.starts_with("refs/heads/") ? 11 : 0),
               adoption.commit->brief(), adoption.subject);
    fmt::print("To take it back: mgit undo\n");
    return 0;
  }

 private:
  static std::string from_top(const Repository& repository, const std::string& path) {
    if (repository.work_dir().empty()) return path;
    return std::filesystem::weakly_canonical(path)
        .lexically_relative(std::filesystem::canonical(repository.work_dir()))
        .string();
  }

  std::vector<std::string> paths_;
  bool quiet_ = false;
};

const Registered<Adopt> kAdopt("adopt", "take in checkpoints that were committed without mgit",
                               "mgit adopt\nmgit adopt model.safetensors");

}  // namespace
}  // namespace mgit::cli
