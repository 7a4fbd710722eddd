#include "git/object_database.h"

#include <algorithm>

#include "git/git2.h"

namespace mgit {
namespace {

using OdbObjectHandle = git2::Handle<git_odb_object, git_odb_object_free>;

git_object_t to_git(ObjectType type) {
  switch (type) {
    case ObjectType::kCommit:
      return GIT_OBJECT_COMMIT;
    case ObjectType::kTree:
      return GIT_OBJECT_TREE;
    case ObjectType::kBlob:
      return GIT_OBJECT_BLOB;
    case ObjectType::kTag:
      return GIT_OBJECT_TAG;
  }
  return GIT_OBJECT_INVALID;
}

ObjectType from_git(git_object_t type, const Oid& id) {
  for (const ObjectType ours :
       {ObjectType::kCommit, ObjectType::kTree, ObjectType::kBlob, ObjectType::kTag})
    if (to_git(ours) == type) return ours;
  throw CorruptError("not a git object", id.hex());
}

/// git sorts a directory as if its name ended in a slash.
std::string sort_key(const RawEntry& entry) { return entry.name + (entry.is_tree() ? "/" : ""); }

}  // namespace

struct ObjectDatabase::Impl {
  git2::OdbHandle odb;

  std::pair<std::uint64_t, git_object_t> header(const Oid& id) const {
    const git_oid name = git2::to_git(id);
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    const int status = git_odb_read_header(&size, &type, odb.get(), &name);
    if (status == GIT_ENOTFOUND) throw MissingError("no such object in this repository", id.hex());
    git2::check(status, id.hex());
    return {size, type};
  }
};

ObjectDatabase::ObjectDatabase(const Repository& repository, Mode mode)
    : impl_(std::make_unique<Impl>()), mode_(mode) {
  const std::string objects = (repository.common_dir() / "objects").string();
  impl_->odb = git2::make<git2::OdbHandle>(
      [&](git_odb** out) { return git_odb_open(out, objects.c_str()); }, objects);
}

ObjectDatabase::~ObjectDatabase() = default;

std::string ObjectDatabase::read(const Oid& id, ObjectType type) const {
  const git_oid name = git2::to_git(id);
  const auto object = git2::find<OdbObjectHandle>(
      [&](git_odb_object** out) { return git_odb_read(out, impl_->odb.get(), &name); }, id.hex());
  if (!object) throw MissingError("no such object in this repository", id.hex());
  if (git_odb_object_type(object.get()) != to_git(type))
    throw CorruptError("unexpected type of object", id.hex());
  return {static_cast<const char*>(git_odb_object_data(object.get())),
          git_odb_object_size(object.get())};
}

ObjectType ObjectDatabase::type(const Oid& id) const {
  return from_git(impl_->header(id).second, id);
}

std::uint64_t ObjectDatabase::size(const Oid& id) const { return impl_->header(id).first; }

Oid ObjectDatabase::write(std::string_view content, ObjectType type) {
  git_oid id;
  if (mode_ == Mode::kOnlyName)
    git2::check(git_odb_hash(&id, content.data(), content.size(), to_git(type)));
  else
    git2::check(git_odb_write(&id, impl_->odb.get(), content.data(), content.size(), to_git(type)));
  return git2::from_git(id);
}

std::vector<RawEntry> parse_tree(std::string_view content) {
  std::vector<RawEntry> entries;
  while (!content.empty()) {
    const std::size_t blank = content.find(' ');
    const std::size_t end = content.find('\0');
    constexpr std::size_t kIdSize = sizeof(Oid::bytes);
    if (blank == std::string_view::npos || end == std::string_view::npos || blank > end ||
        content.size() - end - 1 < kIdSize)
      throw CorruptError("damaged tree");
    RawEntry entry;
    entry.mode = content.substr(0, blank);
    entry.name = content.substr(blank + 1, end - blank - 1);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(end) + 1, kIdSize,
                entry.id.bytes.begin());
    entries.push_back(std::move(entry));
    content.remove_prefix(end + 1 + kIdSize);
  }
  return entries;
}

std::string tree_content(const std::vector<RawEntry>& entries) {
  std::string content;
  for (const RawEntry& entry : entries) {
    content += entry.mode + ' ' + entry.name + '\0';
    content.append(entry.id.bytes.begin(), entry.id.bytes.end());
  }
  return content;
}

void insert_file(std::vector<RawEntry>& entries, RawEntry file) {
  const auto same = std::find_if(entries.begin(), entries.end(),
                                 [&](const RawEntry& entry) { return entry.name == file.name; });
  if (same != entries.end()) {
    *same = std::move(file);
    return;
  }
  const auto place = std::find_if(entries.begin(), entries.end(), [&](const RawEntry& entry) {
    return sort_key(file) < sort_key(entry);
  });
  entries.insert(place, std::move(file));
}

}  // namespace mgit
