// mgit migrate: parse, call, print what moved.
#include <fmt/format.h>

#include "cli/command.h"
#include "mgit/remote.h"
#include "workflow/migrate/migrate.h"

namespace mgit::cli {
namespace {

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

class MigrateCommand : public Command {
 public:
  void options(CLI::App& app) override {
    app.require_subcommand(1);
    import_ = app.add_subcommand("import", "files of git and of git-lfs become manifests");
    CLI::App* exported = app.add_subcommand("export", "manifests become files of git again");
    for (CLI::App* direction : {import_, exported}) {
      direction->add_option("branches", options_.branches,
                            "the branches to rewrite (default: HEAD's)");
      direction->add_flag("--everything", options_.everything, "all branches and tags");
      direction->add_option("--include", options_.include,
                            "a pattern as in .gitattributes; may be repeated");
      direction->add_option("--exclude", options_.exclude,
                            "a pattern of files to leave as they are");
      direction->add_flag("--dry-run,-n", options_.dry_run,
                          "list what would change; change nothing");
    }
    import_
        ->add_option("--above", options_.above,
                     "only files that had a version of at least this size (100MB, 1GiB)")
        ->transform(CLI::AsSizeValue(false));
    exported->add_flag("--lfs", options_.to_lfs, "to git-lfs: pointers, and objects in .git/lfs");
  }

  int run() override {
    if (options_.everything && !options_.branches.empty())
      throw UsageError("--everything and branches exclude each other", "mgit migrate");
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    print(import_->parsed() ? migrate_import(repository, options_)
                            : migrate_export(repository, options_));
    return 0;
  }

 private:
  void print(const MigrateResult& result) const {
    if (result.paths.empty()) {
      fmt::print("Nothing to migrate in {} commits.\n", result.commits);
      return;
    }
    for (const auto& [path, counted] : result.paths)
      fmt::print("{}: {} version{}, {}\n", path, counted.versions, counted.versions == 1 ? "" : "s",
                 size_text(counted.bytes));
    for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
    fmt::print("{} {} of {} commits.\n", options_.dry_run ? "Would rewrite" : "Rewrote",
               result.rewritten, result.commits);
    if (options_.dry_run) return;
    for (const MovedRef& ref : result.refs)
      fmt::print("  {} {} -> {}\n", ref.name, ref.before.brief(), ref.after.brief());
    fmt::print("What they were stays under refs/mgit/original/.\n");
  }

  MigrateOptions options_;
  CLI::App* import_ = nullptr;
};

const Registered<MigrateCommand> kMigrate(
    "migrate", "rewrite history: checkpoints from git or git-lfs into mgit, or back",
    "mgit migrate import --include='*.safetensors' --everything\n  mgit migrate export --lfs");

}  // namespace
}  // namespace mgit::cli
