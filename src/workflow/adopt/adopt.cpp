#include "workflow/adopt/adopt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/words.h"
#include "format/format_table.h"
#include "mgit/lineage.h"
#include "model/model_line.h"
#include "workflow/migrate/migrate_content.h"
#include "workflow/preconditions.h"
#include "workflow/undo/operation_log.h"
#include "worktree/index_copy.h"

namespace mgit {
namespace {

/// The version that a raw file replaced, for the coder and for the message.
struct Predecessor {
  std::optional<Oid> commit;
  Manifest manifest;
};

Predecessor predecessor_of(const Repository& repository, const Oid& commit,
                           const std::string& path) {
  const auto place = model_behind_raw(repository, commit, path);
  if (!place) return {};
  const auto before = repository.checkpoint_at(*place, path);
  return before ? Predecessor{place, before->manifest} : Predecessor{};
}

std::size_t count_changed(const Manifest& before, const Manifest& after) {
  return static_cast<std::size_t>(std::ranges::count_if(after.tensors, [&](const auto& tensor) {
    const ManifestTensor* old = before.find(tensor.info.name);
    return old == nullptr || old->info != tensor.info || old->object != tensor.object;
  }));
}

std::string subject_of(const std::vector<AdoptedFile>& files) {
  const std::string name = quote_name(files.front().path);
  return files.size() == 1
             ? fmt::format("Adopt {}, committed without mgit", name)
             : fmt::format("Adopt {} and {} more, committed without mgit", name, files.size() - 1);
}

/// Lines of a list: no path makes a trailer of one.
std::string message_of(const Adoption& adoption) {
  std::string text = adoption.subject + "\n\n";
  for (const AdoptedFile& file : adoption.files) text += "- " + describe_adopted(file) + "\n";
  return text +
         "\nTheir bytes are the same; git has their manifests now. mgit undo takes it back.\n";
}

/// Takes files into the store one by one. For one commit.
class Taking {
 public:
  Taking(Workspace& repository, const Oid& commit)
      : repository_(repository),
        commit_(commit),
        objects_(repository, ObjectDatabase::Mode::kWrite),
        importer_(repository, objects_) {}

  Adoption run(const RawArrivals& arrivals) {
    for (const RawArrival& file : arrivals.files) {
      try {
        take(file);
      } catch (const CorruptError& error) {
        result_.left.push_back(fmt::format("{}: left as it is: {}", file.path, error.what()));
      }
    }
    for (const std::string& path : arrivals.lfs_pointers)
      result_.left.push_back(fmt::format(
          "{}: a git-lfs pointer, not a checkpoint ('mgit migrate import' takes in what "
          "git-lfs has)",
          path));
    importer_.finish();
    if (!result_.files.empty()) write();
    return std::move(result_);
  }

 private:
  void take(const RawArrival& raw) {
    const Predecessor before = predecessor_of(repository_, commit_, raw.path);
    BlobContent content;
    content.size = raw.size;
    const Oid blob = importer_.convert(raw.path, raw.file.blob, content, before.manifest);
    const Manifest manifest = parse_manifest(objects_.read(blob, ObjectType::kBlob), raw.path);
    if (manifest.format == kWholeFile && before.manifest.format != kWholeFile) {
      result_.left.push_back(
          fmt::format("{0}: left as it is: in no checkpoint format that mgit knows ('git add "
                      "--renormalize {0}' stores it whole)",
                      raw.path));
      return;
    }
    AdoptedFile file;
    file.path = raw.path;
    file.raw = raw.file;
    file.file = {blob, raw.file.mode};
    file.format = manifest.format;
    file.size = raw.size;
    file.replaced = before.commit;
    file.before_format = before.manifest.format;
    file.tensors = manifest.tensors.size();
    file.changed = count_changed(before.manifest, manifest);
    result_.files.push_back(std::move(file));
  }

  void write() {
    std::map<std::string, std::optional<TreeFile>> changes;
    for (const AdoptedFile& file : result_.files) changes[file.path] = file.file;
    result_.subject = subject_of(result_.files);
    result_.commit =
        repository_.write_commit(repository_.write_tree(repository_.commit(commit_).tree, changes),
                                 {commit_}, repository_.user(), message_of(result_));
  }

  Workspace& repository_;
  Oid commit_;
  ObjectDatabase objects_;
  ContentImporter importer_;
  Adoption result_;
};

/// Only those that the user named; throws for a name that is none of them.
void keep_named(RawArrivals& arrivals, const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  const std::set<std::string> wanted(paths.begin(), paths.end());
  std::set<std::string> found(arrivals.lfs_pointers.begin(), arrivals.lfs_pointers.end());
  for (const RawArrival& file : arrivals.files) found.insert(file.path);
  for (const std::string& path : wanted)
    if (!found.contains(path))
      throw MissingError("HEAD has no checkpoint whole there", path,
                         "mgit adopt alone takes in all that there are; a file that .gitattributes "
                         "does not give to mgit: mgit track, then git add --renormalize");
  std::erase_if(arrivals.files, [&](const auto& file) { return !wanted.contains(file.path); });
  std::erase_if(arrivals.lfs_pointers, [&](const auto& path) { return !wanted.contains(path); });
}

/// The manifests in place of the raw files, in a copy of the index that has them still; files that
/// were not touched count as unchanged.
void put_manifests(const Repository& repository, const Adoption& adoption, IndexCopy& index) {
  std::set<Oid> raw;
  std::vector<std::string> paths;
  for (const AdoptedFile& file : adoption.files) {
    raw.insert(file.raw.blob);
    paths.push_back(file.path);
  }
  std::map<std::string, struct stat> unchanged;
  for (const std::string& path : paths)
    ::lstat((repository.work_dir() / path).c_str(), &unchanged[path]);
  std::set<std::string> clean;
  for (const StagedFile& entry : index.unchanged(raw)) clean.insert(entry.path);
  std::vector<StagedFile> entries;
  for (StagedFile& entry : index.find(paths)) {
    const auto file = std::ranges::find(adoption.files, entry.path, &AdoptedFile::path);
    if (entry.blob != file->raw.blob) continue;  // something else is staged
    entry.blob = file->file.blob;
    if (clean.contains(entry.path)) entry.stat = unchanged.at(entry.path);
    entries.push_back(std::move(entry));
  }
  if (!entries.empty()) index.put(entries, trusts_modes(repository));
}

}  // namespace

Adoption adopt(Workspace& repository, const Oid& commit, const RawArrivals& arrivals) {
  return Taking(repository, commit).run(arrivals);
}

Adoption adopt_head(Workspace& repository, const std::optional<Oid>& since,
                    const std::vector<std::string>& paths) {
  if (repository.work_dir().empty())
    throw Error("cannot adopt in a bare repository", repository.git_dir().string());
  require_no_operation(repository);
  const auto head = repository.head();
  if (!head) return {};
  RawArrivals arrivals = raw_arrivals(repository, *head, since);
  keep_named(arrivals, paths);
  Adoption adoption = adopt(repository, *head, arrivals);
  if (!adoption.commit) return adoption;
  const std::string branch = repository.head_branch().value_or("HEAD");
  IndexCopy index(repository, StrangeIndex::kConvert);
  put_manifests(repository, adoption, index);
  repository.update_ref(branch, *adoption.commit, head, "adopt: " + adoption.subject);
  index.install();
  try {
    record_operation(repository, {.what = "adopt " + adoption.files.front().path,
                                  .refs = {{branch, head, adoption.commit}}});
  } catch (const Error& error) {
    adoption.left.push_back(fmt::format("mgit undo will not know of it ({})", error.what()));
  }
  Lineage(repository).update();
  return adoption;
}

std::string describe_adopted(const AdoptedFile& file) {
  std::string text = fmt::format("{}: ", quote_name(file.path));
  if (file.replaced)
    text += fmt::format("{} of {} changed since {}", file.changed, counted(file.tensors, "tensor"),
                        file.replaced->brief());
  else
    text += fmt::format("{}, no version before it", counted(file.tensors, "tensor"));
  if (file.replaced && file.before_format != file.format)
    text += fmt::format(", {} in place of {}", file.format, file.before_format);
  return text + fmt::format(" ({})", size_text(file.size));
}

void say_adoption(const Adoption& adoption, const std::string& where, const Say& say) {
  for (const std::string& line : adoption.left) say("warning: " + line);
  if (!adoption.commit) return;
  std::vector<std::string> names;
  for (const AdoptedFile& file : adoption.files) names.push_back(quote_name(file.path));
  say(fmt::format("{}: committed without mgit in {}; taken in by {} ('mgit undo' takes it back)",
                  fmt::join(names, ", "), where, adoption.commit->brief()));
}

}  // namespace mgit
