// mgit migrate: parse, call, print what moved.
#include <fmt/format.h>

#include "base/words.h"
#include "cli/command.h"
#include "mgit/remote.h"
#include "workflow/migrate/migrate.h"

namespace mgit::cli {
namespace {

class MigrateCommand : public Command {
 public:
  void options(Options& options) override {
    import_ = &options.subcommand("import", "files of git and of git-lfs become manifests");
    Options* exported = &options.subcommand("export", "manifests become files of git again");
    for (Options* direction : {import_, exported}) {
      direction->arguments("branches", options_.branches,
                           "the branches to rewrite (default: HEAD's)");
      direction->flag("--everything", options_.everything, "all branches and tags");
      direction
          ->values("--include", options_.include, "a pattern as in .gitattributes; may be repeated")
          .value_name("pattern");
      direction->values("--exclude", options_.exclude, "a pattern of files to leave as they are")
          .value_name("pattern");
      direction->flag("--dry-run,-n", options_.dry_run, "list what would change; change nothing");
    }
    import_
        ->value("--above", options_.above,
                "only files that had a version of at least this size (100MB, 1GiB)")
        .size();
    exported->flag("--lfs", options_.to_lfs, "to git-lfs: pointers, and objects in .git/lfs");
  }

  int run() override {
    if (options_.everything && !options_.branches.empty())
      throw UsageError("--everything and branches exclude each other", "mgit migrate");
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    print(import_->chosen() ? migrate_import(repository, options_)
                            : migrate_export(repository, options_));
    return 0;
  }

 private:
  void print(const MigrateResult& result) const {
    if (result.paths.empty()) {
      fmt::print("Nothing to migrate in {}.\n", counted(result.commits, "commit"));
      return;
    }
    for (const auto& [path, entry] : result.paths)
      fmt::print("{}: {}, {}\n", path, counted(entry.versions, "version"), size_text(entry.bytes));
    for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
    fmt::print("{} {} of {}.\n", options_.dry_run ? "Would rewrite" : "Rewrote", result.rewritten,
               counted(result.commits, "commit"));
    if (options_.dry_run) return;
    for (const MovedRef& ref : result.refs)
      fmt::print("  {} {} -> {}\n", ref.name, ref.before.brief(), ref.after.brief());
    fmt::print("The old commits stay under refs/mgit/original/.\n");
  }

  MigrateOptions options_;
  Options* import_ = nullptr;
};

const Registered<MigrateCommand> kMigrate(
    "migrate", "rewrite history: checkpoints from git or git-lfs into mgit, or back",
    "mgit migrate import --include='*.safetensors' --everything\nmgit migrate export --lfs");

}  // namespace
}  // namespace mgit::cli
