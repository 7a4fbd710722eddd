// mgit docs: reference, man pages and completions, made from what the commands declare.
#include <fmt/format.h>

#include <filesystem>

#include "base/os.h"
#include "cli/command.h"
#include "cli/completions.h"
#include "cli/manual.h"

namespace mgit::cli {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  os::write_file(file, as_bytes(text));
}

class Docs : public Command {
 public:
  void options(Options& options) override {
    markdown_ = &options.subcommand("markdown", "print docs/cli.md");
    man_ = &options.subcommand("man", "print the manual page of a command");
    man_->argument("command", name_, "without: the page of mgit itself");
    completion_ = &options.subcommand("completion", "print the completion script of a shell");
    completion_->argument("shell", shell_, "bash, zsh or fish").required();
    Options& tree = options.subcommand("tree", "write what is installed under share/");
    tree.argument("directory", directory_, "share/ itself").required();
  }

  int run() override {
    const std::vector<DescribedCommand> commands = describe_all();
    if (markdown_->chosen())
      fmt::print("{}", manual_markdown(commands));
    else if (man_->chosen())
      fmt::print("{}", page(commands));
    else if (completion_->chosen())
      fmt::print("{}", completion(commands));
    else
      write_tree(commands);
    return 0;
  }

 private:
  std::string page(const std::vector<DescribedCommand>& commands) const {
    if (name_.empty()) return manual_overview(commands);
    for (const DescribedCommand& each : commands)
      if (each.entry->name == name_) return manual_page(each);
    throw MissingError("mgit has no such command", name_);
  }

  std::string completion(const std::vector<DescribedCommand>& commands) const {
    if (shell_ == "bash") return bash_completion(commands);
    if (shell_ == "zsh") return zsh_completion(commands);
    if (shell_ == "fish") return fish_completion(commands);
    throw UsageError("no such shell", shell_, "bash, zsh or fish");
  }

  void write_tree(const std::vector<DescribedCommand>& commands) const {
    const fs::path man = directory_ / "man" / "man1";
    write(man / "mgit.1", manual_overview(commands));
    write(man / "git-mgit.1", ".so man1/mgit.1\n");  // for git help mgit, git mgit --help
    for (const DescribedCommand& each : commands)
      write(man / ("mgit-" + each.entry->name + ".1"), manual_page(each));
    // git's completion loads git-mgit for `git mgit`.
    for (const char* name : {"mgit", "git-mgit"})
      write(directory_ / "bash-completion" / "completions" / name, bash_completion(commands));
    write(directory_ / "zsh" / "site-functions" / "_mgit", zsh_completion(commands));
    write(directory_ / "zsh" / "site-functions" / "_git-mgit",
          "#compdef git-mgit\n# For git mgit, from git's completion.\n_mgit \"$@\"\n");
    write(directory_ / "fish" / "vendor_completions.d" / "mgit.fish", fish_completion(commands));
  }

  Options* markdown_ = nullptr;
  Options* man_ = nullptr;
  Options* completion_ = nullptr;
  std::string name_;
  std::string shell_;
  fs::path directory_;
};

const Registered<Docs> kDocs("docs", "reference, man pages and completions", "",
                             Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
