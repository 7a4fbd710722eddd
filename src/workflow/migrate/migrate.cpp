#include "workflow/migrate/migrate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/process.h"
#include "base/progress.h"
#include "base/temporary_name.h"
#include "git/attribute_lines.h"
#include "git/history_rewriter.h"
#include "git/install.h"
#include "workflow/migrate/migrate_selection.h"
#include "workflow/preconditions.h"
#include "workflow/undo/operation_log.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

using Kind = BlobContent::Kind;

constexpr const char* kAttributesFile = ".gitattributes";
constexpr std::string_view kOriginals = "refs/mgit/original/";
constexpr std::size_t kNamed = 5;  // of a long list in a message

/// What import and export have in common: everything but the files.
class Migration {
 public:
  Migration(Workspace& repository, const MigrateOptions& options, std::string name)
      : repository_(repository),
        options_(options),
        name_(std::move(name)),
        objects_(repository, options.dry_run ? ObjectDatabase::Mode::kOnlyName
                                             : ObjectDatabase::Mode::kWrite) {}
  virtual ~Migration() = default;
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;

  MigrateResult run() {
    check_repository();
    choose_refs();
    const std::vector<Oid> commits = commits_to_rewrite();
    result_.commits = commits.size();
    files_ = select(commits);
    count_files();
    if (result_.paths.empty()) return std::move(result_);
    check_objects();
    convert_files();
    rewrite(commits);
    if (options_.dry_run || result_.refs.empty()) return std::move(result_);
    check_attributes();
    publish();
    return std::move(result_);
  }

 protected:
  virtual MigrationFiles select(const std::vector<Oid>& commits) = 0;
  virtual bool takes(Kind kind) const = 0;
  /// Throws MissingError, naming what is not here.
  virtual void check_objects() = 0;
  virtual Oid convert(const std::string& path, const Oid& blob, const BlobContent& content) = 0;
  virtual void finish_converting() {}
  /// `whole_tree`: of the top directory, in a commit with files that were converted.
  virtual std::string attributes(const std::string& text, bool whole_tree) const = 0;
  virtual bool expected_filter(std::string_view filter) const = 0;
  virtual void before_publishing() {}

  Workspace& repository_;
  const MigrateOptions& options_;
  std::string name_;
  ObjectDatabase objects_;
  MigrationFiles files_;
  MigrateResult result_;

 private:
  void check_repository() const {
    if (!repository_.work_dir().empty() && !options_.dry_run)
      require_quiet_worktree(repository_, name_);
    if (repository_.is_shallow())
      throw Error("cannot rewrite a shallow clone", name_, "git fetch --unshallow");
  }

  /// refs_: what is rewritten, by name.
  void choose_refs() {
    if (options_.everything) {
      for (auto& ref : repository_.refs("refs/heads/")) refs_.insert(std::move(ref));
    } else if (options_.branches.empty()) {
      const auto current = repository_.head_branch();
      if (!current || !repository_.ref(*current))
        throw Error("HEAD is on no branch with commits", name_, "name the branches to rewrite");
      refs_.emplace(*current, *repository_.ref(*current));
    } else {
      for (const std::string& branch : options_.branches) add_branch(branch);
    }
    for (const auto& [name, id] : refs_)
      if (repository_.checked_out_elsewhere(name))
        throw Error("the branch is checked out in another worktree", name);
  }

  void add_branch(const std::string& branch) {
    const std::string name = branch.starts_with("refs/") ? branch : "refs/heads/" + branch;
    const auto id = repository_.ref(name);
    if (!id) throw MissingError("no such branch", branch);
    refs_.emplace(name, *id);
  }

  std::vector<Oid> commits_to_rewrite() {
    std::vector<Oid> tips;
    for (const auto& [name, id] : refs_) tips.push_back(id);
    for (auto& [name, id] : repository_.refs("refs/tags/")) {
      tags_.emplace(name, id);
      const auto commit = options_.everything ? repository_.resolve(name) : std::nullopt;
      if (commit) tips.push_back(*commit);
    }
    return repository_.history({}, tips);
  }

  void count_files() {
    std::erase_if(files_.paths, [this](const auto& entry) {
      return std::none_of(entry.second.begin(), entry.second.end(),
                          [this](const Oid& blob) { return takes(files_.contents.at(blob).kind); });
    });
    for (const auto& [path, blobs] : files_.paths) {
      MigratedPath& counted = result_.paths[path];
      for (const Oid& blob : blobs) {
        const BlobContent& content = files_.contents.at(blob);
        if (!takes(content.kind)) continue;
        ++counted.versions;
        counted.bytes += content.size;
      }
    }
  }

  void convert_files() {
    std::uint64_t total = 0;
    for (const auto& [path, counted] : result_.paths) total += counted.bytes;
    Progress progress("Converting checkpoints", total);
    for (const auto& [path, blobs] : files_.paths) {
      for (const Oid& blob : blobs) {
        const BlobContent& content = files_.contents.at(blob);
        if (!takes(content.kind) || converted_.contains(blob)) continue;
        // A name that stands for what would be written.
        const Oid now = options_.dry_run
                            ? objects_.write("converted " + blob.hex(), ObjectType::kBlob)
                            : convert(path, blob, content);
        converted_.emplace(blob, now);
        progress.advance(content.size);
      }
    }
    if (!options_.dry_run) finish_converting();
  }

  void rewrite(const std::vector<Oid>& commits) {
    HistoryRewriter rewriter(
        objects_, [this](const std::string& path, const RawEntry& file) { return now(path, file); },
        [this](std::vector<RawEntry>& entries) { complete_attributes(entries); });
    Progress progress("Rewriting commits", commits.size());
    for (const Oid& id : commits) {
      if (rewriter.commit(id) != id) ++result_.rewritten;
      progress.advance();
    }
    for (const auto& [name, id] : refs_) move(name, id, rewriter.now(id));
    for (const auto& [name, id] : tags_) {
      const ObjectType type = objects_.type(id);
      if (type == ObjectType::kTag) move(name, id, rewriter.tag(id));
      if (type == ObjectType::kCommit) move(name, id, rewriter.now(id));
    }
    if (const std::size_t dropped = rewriter.dropped_signatures(); dropped > 0)
      result_.notes.push_back(fmt::format(
          "{} signature{} of rewritten commits and tags dropped: they would no longer be valid",
          dropped, dropped == 1 ? "" : "s"));
    note_other_branches(rewriter);
  }

  void move(const std::string& name, const Oid& before, const Oid& after) {
    if (before != after) result_.refs.push_back({name, before, after});
  }

  void note_other_branches(const HistoryRewriter& rewriter) {
    for (const auto& [name, id] : repository_.refs("refs/heads/")) {
      if (refs_.contains(name)) continue;
      const std::vector<Oid> history = repository_.history({}, {id});
      if (std::any_of(history.begin(), history.end(),
                      [&](const Oid& commit) { return rewriter.now(commit) != commit; }))
        result_.notes.push_back(
            fmt::format("{} still has the old commits; --everything rewrites all branches", name));
    }
  }

  std::optional<Oid> now(const std::string& path, const RawEntry& file) {
    if (file.name == kAttributesFile) {
      const std::string text = objects_.read(file.id, ObjectType::kBlob);
      const std::string changed = attributes(text, false);
      if (changed == text) return file.id;
      if (changed.empty()) return std::nullopt;
      return objects_.write(changed, ObjectType::kBlob);
    }
    const auto found = converted_.find(file.id);
    return found != converted_.end() && files_.paths.contains(path) ? found->second : file.id;
  }

  void complete_attributes(std::vector<RawEntry>& entries) {
    const auto found = std::find_if(entries.begin(), entries.end(), [](const RawEntry& entry) {
      return entry.name == kAttributesFile;
    });
    std::string text;
    if (found != entries.end()) {
      if (!found->is_file())
        throw Error("is not a regular file in some commit", kAttributesFile,
                    "mgit cannot say there which files are checkpoints");
      // Written just now, in a dry run only named.
      if (options_.dry_run) return;
      text = objects_.read(found->id, ObjectType::kBlob);
    }
    const std::string changed = attributes(text, true);
    if (changed == text) return;
    insert_file(entries, {found != entries.end() ? found->mode : "100644", kAttributesFile,
                          objects_.write(changed, ObjectType::kBlob)});
  }

  /// Lines that mgit did not write may still give a file to another filter: then git would never
  /// see the working tree as clean.
  void check_attributes() const {
    const fs::path directory = repository_.mgit_dir() / "tmp";
    fs::create_directories(directory);
    const TemporaryName index(name_beside(directory / "index"));
    for (const MovedRef& ref : result_.refs)
      if (ref.name.starts_with("refs/heads/")) check_attributes(ref, index.path());
  }

  void check_attributes(const MovedRef& ref, const fs::path& index) const {
    ProcessOptions options;
    options.environment["GIT_INDEX_FILE"] = index.string();
    const std::vector<std::string> git{"git", "--git-dir", repository_.git_dir().string()};
    const auto run = [&](std::initializer_list<std::string> arguments) {
      std::vector<std::string> command = git;
      command.insert(command.end(), arguments);
      return run_checked(command, options);
    };
    run({"read-tree", ref.after.hex()});
    std::vector<std::string> paths;
    for (const auto& [path, file] : repository_.files_at(ref.after))
      if (files_.paths.contains(path)) paths.push_back(path);
    if (paths.empty()) return;
    options.input.emplace();
    for (const std::string& path : paths) *options.input += path + '\0';
    const std::string answer = run({"check-attr", "--cached", "-z", "--stdin", "filter"});
    std::size_t at = 0;
    for (const std::string& path : paths)
      for (int field = 0; field < 3; ++field) {
        const std::size_t end = std::min(answer.find('\0', at), answer.size());
        const std::string filter = answer.substr(std::min(at, answer.size()), end - at);
        at = end + 1;
        if (field == 2 && !expected_filter(filter))
          throw Error(fmt::format("its attributes would say filter={} on {}", filter, ref.name),
                      path,
                      "a line of .gitattributes that names another pattern decides it; nothing was "
                      "rewritten");
      }
  }

  void publish() {
    before_publishing();
    std::vector<RefChange> changes;
    for (const MovedRef& ref : result_.refs) {
      changes.push_back({ref.name, ref.before, ref.after});
      const std::string original = fmt::format("{}{}/{}", kOriginals, ref.before.brief(),
                                               ref.name.substr(std::string_view("refs/").size()));
      if (!repository_.ref(original)) changes.push_back({original, std::nullopt, ref.before});
    }
    update_refs(repository_, changes, name_);
    std::vector<RefMove> moves;
    for (const RefChange& change : changes)
      moves.push_back({change.name, change.before, change.after});
    try {
      record_operation(repository_, {.what = name_, .refs = std::move(moves)});
    } catch (const Error& error) {
      result_.notes.push_back(std::string("mgit undo will not know of it: ") + error.what());
    }
    const auto current = repository_.head_branch();
    for (const MovedRef& ref : result_.refs)
      if (ref.name == current && !repository_.work_dir().empty())
        run_checked({"git", "read-tree", "-m", "-u", ref.before.hex(), ref.after.hex()},
                    {.directory = repository_.work_dir().string()});
    if (!current && !repository_.work_dir().empty())
      result_.notes.push_back("HEAD is detached and stays at the old commit");
  }

  std::map<std::string, Oid> refs_;
  std::map<std::string, Oid> tags_;
  std::map<Oid, Oid> converted_;
};

/// Files in commits become checkpoints.
class Import : public Migration {
 public:
  Import(Workspace& repository, const MigrateOptions& options)
      : Migration(repository, options, "migrate import"), importer_(repository, objects_) {}

 private:
  MigrationFiles select(const std::vector<Oid>& commits) override {
    return files_to_import(repository_, objects_, commits, options_);
  }

  bool takes(Kind kind) const override { return kind != Kind::kManifest; }

  void check_objects() override {
    const fs::path objects = lfs_objects(repository_);
    std::set<std::string> missing;
    for (const auto& [path, blobs] : files_.paths)
      for (const Oid& blob : blobs) {
        const auto& pointer = files_.contents.at(blob).pointer;
        if (pointer && !fs::exists(lfs_path(objects, pointer->object)))
          missing.insert(fmt::format("{} ({})", path, pointer->object.hex().substr(0, 10)));
      }
    if (missing.empty()) return;
    std::vector<std::string> named(missing.begin(), missing.end());
    if (named.size() > kNamed) {
      named.resize(kNamed);
      named.push_back(fmt::format("and {} more", missing.size() - kNamed));
    }
    throw MissingError(fmt::format("Git LFS objects are not here: {}", fmt::join(named, ", ")),
                       name_, "git lfs fetch --all; nothing was rewritten");
  }

  Oid convert(const std::string& path, const Oid& blob, const BlobContent& content) override {
    try {
      return importer_.convert(path, blob, content);
    } catch (const CorruptError& error) {
      throw CorruptError(error.what(), fmt::format("{} (blob {})", path, blob.brief()),
                         fmt::format("leave it out: --exclude='{}'; nothing was rewritten", path));
    }
  }

  void finish_converting() override { importer_.finish(); }

  std::string attributes(const std::string& text, bool whole_tree) const override {
    return attributes_to_mgit(text, files_.patterns, whole_tree);
  }

  bool expected_filter(std::string_view filter) const override { return filter == "mgit"; }

  /// Or the checkout of the new commits would leave manifests in the working tree.
  void before_publishing() override {
    if (!repository_.work_dir().empty() && installed(repository_) != Installed::kFully) {
      for (std::string& warning : install(repository_).warnings)
        result_.notes.push_back(std::move(warning));
      result_.notes.emplace_back("installed filters, drivers and hooks (mgit uninstall)");
    }
  }

  ContentImporter importer_;
};

/// Checkpoints in commits become files again, whole or of git-lfs.
class Export : public Migration {
 public:
  Export(Workspace& repository, const MigrateOptions& options)
      : Migration(repository, options, "migrate export") {}

 private:
  MigrationFiles select(const std::vector<Oid>& commits) override {
    return files_to_export(repository_, objects_, commits, options_);
  }

  bool takes(Kind kind) const override { return kind == Kind::kManifest; }

  Manifest manifest(const std::string& path, const Oid& blob) const {
    return parse_manifest(objects_.read(blob, ObjectType::kBlob), path);
  }

  void check_objects() override {
    for (const auto& [path, blobs] : files_.paths)
      for (const Oid& blob : blobs)
        if (takes(files_.contents.at(blob).kind)) repository_.need(manifest(path, blob), path);
  }

  Oid convert(const std::string& path, const Oid& blob, const BlobContent&) override {
    const Manifest wanted = manifest(path, blob);
    return options_.to_lfs ? export_to_lfs(repository_, objects_, wanted)
                           : export_to_git(repository_, objects_, wanted);
  }

  std::string attributes(const std::string& text, bool) const override {
    std::optional<std::vector<std::string>> patterns;
    if (!files_.patterns.empty()) patterns = files_.patterns;
    return attributes_from_mgit(text, patterns, options_.to_lfs);
  }

  bool expected_filter(std::string_view filter) const override {
    return options_.to_lfs ? filter == "lfs" : filter != "mgit" && filter != "lfs";
  }
};

}  // namespace

MigrateResult migrate_import(Workspace& repository, const MigrateOptions& options) {
  return Import(repository, options).run();
}

MigrateResult migrate_export(Workspace& repository, const MigrateOptions& options) {
  return Export(repository, options).run();
}

}  // namespace mgit
