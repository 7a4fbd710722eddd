// mgit clone: git clone, with checkpoints checked out and mgit installed.
#include "workflow/exchange/clone.h"

#include <algorithm>

#include "cli/git_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"

namespace mgit::cli {
namespace {

/// The directory that git clones `url` into when none is named.
std::string clone_directory(std::string url) {
  const auto drop_slashes = [&url] {
    while (url.ends_with('/')) url.pop_back();
  };
  drop_slashes();
  if (url.ends_with("/.git")) url.erase(url.size() - 5);
  drop_slashes();
  const std::size_t cut = url.find_last_of("/:");
  if (cut != std::string::npos) url.erase(0, cut + 1);
  for (const std::string_view ending : {".git", ".bundle"})
    if (url.ends_with(ending)) url.erase(url.size() - ending.size());
  return url;
}

CloneCall parse(const std::vector<std::string>& arguments) {
  CloneCall call;
  call.arguments = arguments;
  call.lazy = take_flag(call.arguments, "--lazy");
  call.remote = value_of(arguments, "--origin", "-o").value_or(call.remote);
  call.bare = has_flag(arguments, "--bare") || has_flag(arguments, "--mirror");
  call.checkout = !has_flag(arguments, "--no-checkout", 'n');
  call.submodules = std::ranges::any_of(arguments, [](const std::string& argument) {
    return argument.starts_with("--recurs");  // --recurse-submodules, --recursive
  });
  call.quiet = has_flag(arguments, "--quiet", 'q');
  const std::vector<std::string> named = positionals(arguments, {"-o",
                                                                 "--origin",
                                                                 "-b",
                                                                 "--branch",
                                                                 "-u",
                                                                 "--upload-pack",
                                                                 "--reference",
                                                                 "--reference-if-able",
                                                                 "--template",
                                                                 "--depth",
                                                                 "--shallow-since",
                                                                 "--shallow-exclude",
                                                                 "--server-option",
                                                                 "-j",
                                                                 "--jobs",
                                                                 "-c",
                                                                 "--config",
                                                                 "--filter",
                                                                 "--separate-git-dir",
                                                                 "--bundle-uri"});
  if (named.size() > 1)
    call.directory = named[1];
  else if (!named.empty())
    call.directory = clone_directory(named[0]) + (call.bare ? ".git" : "");
  return call;
}

class Clone : public PassThrough {
  std::string usage() const override { return "git clone's options, URL and directory"; }
  void declare(Options& options) override {
    options.flag("--lazy", lazy_, "manifests alone; tensors come when a command needs them");
  }
  int run_with(const std::vector<std::string>& arguments) override {
    return clone_repository(parse(arguments), say);
  }

  bool lazy_ = false;  // declared for --help; the arguments are read as git's are
};

const Registered<Clone> kClone("clone", "clone a repository, ready for checkpoints",
                               "mgit clone /srv/models.git");

}  // namespace
}  // namespace mgit::cli
