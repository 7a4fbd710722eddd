#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "base/os.h"
#include "format/shard_index.h"
#include "git/attribute_lines.h"
#include "git/repository_impl.h"
#include "mgit/git.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// Manifests and shard indexes are text; nothing larger is looked at.
constexpr std::size_t kLargestText = std::size_t{64} << 20;
/// Blobs above this size are judged by their beginning where git can stream them.
constexpr std::size_t kSmallBlob = std::size_t{64} << 10;

bool is_regular(std::uint32_t mode) { return (mode & 0170000U) == 0100000U; }

Oid entry_id(const git_tree_entry* entry) { return git2::from_git(*git_tree_entry_id(entry)); }

std::uint32_t entry_mode(const git_tree_entry* entry) {
  return static_cast<std::uint32_t>(git_tree_entry_filemode(entry));
}

/// The first bytes of a blob, without reading all of it; nullopt where git cannot stream it.
std::optional<std::string> beginning(git_odb* odb, const git_oid& id) {
  git_odb_stream* opened = nullptr;
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  if (git_odb_open_rstream(&opened, &size, &type, odb, &id) < 0) return std::nullopt;
  const git2::OdbStreamHandle stream(opened);
  std::array<char, 256> piece{};
  const int read = git_odb_stream_read(stream.get(), piece.data(), piece.size());
  if (read < 0) return std::nullopt;
  return std::string(piece.data(), static_cast<std::size_t>(read));
}

std::size_t blob_size(git_odb* odb, const Oid& blob_id) {
  const git_oid id = git2::to_git(blob_id);
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  git2::check(git_odb_read_header(&size, &type, odb, &id), blob_id.brief());
  return size;
}

/// File names that .gitattributes at the top gives to mgit, as patterns.
std::vector<std::string> tracked_names(const fs::path& work_dir) {
  const fs::path file = work_dir / ".gitattributes";
  if (work_dir.empty() || !fs::exists(file)) return {};
  std::vector<std::string> names = mgit_patterns(os::read_file(file));
  for (std::string& name : names) name.erase(0, name.rfind('/') + 1);
  return names;
}

bool holds_manifest(git_odb* odb, const Oid& blob_id, const std::function<std::string()>& read) {
  const std::size_t size = blob_size(odb, blob_id);
  if (size > kLargestText) return false;
  if (size > kSmallBlob)
    if (const auto start = beginning(odb, git2::to_git(blob_id)))
      return looks_like_manifest(*start);
  return looks_like_manifest(read());
}

}  // namespace

git2::TreeHandle Repository::Impl::tree(const Oid& id) const {
  const git_oid oid = git2::to_git(id);
  return git2::make<git2::TreeHandle>(
      [&](git_tree** out) { return git_tree_lookup(out, git(), &oid); }, id.brief());
}

git2::TreeHandle Repository::Impl::tree_of_commit(const Oid& id) const {
  const git2::CommitHandle found = commit(id);
  return git2::make<git2::TreeHandle>(
      [&](git_tree** out) { return git_commit_tree(out, found.get()); }, id.brief());
}

std::string Repository::Impl::blob(const Oid& id) const {
  const git_oid oid = git2::to_git(id);
  const auto look_up = [&] {
    return git2::find<git2::BlobHandle>(
        [&](git_blob** out) { return git_blob_lookup(out, git(), &oid); }, id.brief());
  };
  auto found = look_up();
  if (!found && obtain(id)) found = look_up();
  if (!found) throw MissingError("no such blob in this repository", id.hex());
  return {static_cast<const char*>(git_blob_rawcontent(found.get())),
          static_cast<std::size_t>(git_blob_rawsize(found.get()))};
}

std::string Repository::blob(const Oid& id) const { return impl_->blob(id); }

git_odb* Repository::Impl::objects() const {
  if (!odb)
    odb =
        git2::make<git2::OdbHandle>([&](git_odb** out) { return git_repository_odb(out, git()); });
  return odb.get();
}

bool Repository::Impl::is_here(const Oid& blob_id) const {
  const git_oid id = git2::to_git(blob_id);
  return git_odb_exists(objects(), &id) != 0;
}

bool Repository::Impl::is_partial() const {
  if (!partial)
    partial = run_git({"config", "--get-regexp", R"(^remote\..*\.promisor$)", "true"}).status == 0;
  return *partial;
}

bool Repository::Impl::obtain(const Oid& blob_id) const {
  if (is_here(blob_id)) return true;
  if (!is_partial() || run_git({"cat-file", "-e", blob_id.hex()}).status != 0) return false;
  git2::check(git_odb_refresh(objects()), blob_id.brief());
  return is_here(blob_id);
}

bool Repository::Impl::is_manifest(const Oid& blob_id, const std::string& name) const {
  const auto known = verdicts.find(blob_id);
  if (known != verdicts.end()) return known->second;
  if (!is_here(blob_id) && is_partial()) {
    // Nothing is fetched only for a look at it.
    if (!tracked) tracked = tracked_names(work_dir);
    const std::string file = name.substr(name.rfind('/') + 1);
    if (std::ranges::none_of(*tracked, [&](const std::string& pattern) {
          return ::fnmatch(pattern.c_str(), file.c_str(), 0) == 0;
        }))
      return false;
    obtain(blob_id);
  }
  const bool verdict = holds_manifest(objects(), blob_id, [&] { return blob(blob_id); });
  verdicts.emplace(blob_id, verdict);
  return verdict;
}

const Manifest& Repository::Impl::manifest(const Oid& blob_id, const std::string& path) const {
  const auto known = manifests.find(blob_id);
  if (known != manifests.end()) return known->second;
  return manifests.emplace(blob_id, parse_manifest(blob(blob_id), path)).first->second;
}

const Repository::Impl::Listing& Repository::Impl::listing_below(const Oid& tree_id) const {
  const auto known = listings.find(tree_id);
  if (known != listings.end()) return known->second;
  Listing list;
  const git2::TreeHandle directory = tree(tree_id);
  for (std::size_t i = 0; i < git_tree_entrycount(directory.get()); ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(directory.get(), i);
    const std::string name = git_tree_entry_name(entry);
    const TreeFile file{entry_id(entry), entry_mode(entry)};
    if (git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
      const Listing& below = listing_below(file.blob);
      for (const auto& [path, found] : below.manifests)
        list.manifests.emplace_back(name + "/" + path, found);
      for (const auto& [path, found] : below.indexes)
        list.indexes.emplace_back(name + "/" + path, found);
    } else if (is_regular(file.mode) && is_manifest(file.blob, name)) {
      list.manifests.emplace_back(name, file);
    } else if (is_regular(file.mode) && checkpoint_of_index(name) && obtain(file.blob) &&
               blob_size(objects(), file.blob) <= kLargestText) {
      list.indexes.emplace_back(name, file);
    }
  }
  return listings.emplace(tree_id, std::move(list)).first->second;
}

std::optional<TreeFile> Repository::file_at(const Oid& commit, const std::string& path) const {
  const git2::TreeHandle tree = impl_->tree_of_commit(commit);
  if (path.empty()) return std::nullopt;
  const auto entry = git2::find<git2::TreeEntryHandle>(
      [&](git_tree_entry** out) { return git_tree_entry_bypath(out, tree.get(), path.c_str()); });
  if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_BLOB) return std::nullopt;
  return TreeFile{entry_id(entry.get()), entry_mode(entry.get())};
}

std::vector<std::pair<std::string, TreeFile>> Repository::files_at(const Oid& commit) const {
  std::vector<std::pair<std::string, TreeFile>> result;
  const std::function<void(const git2::TreeHandle&, const std::string&)> walk =
      [&](const git2::TreeHandle& tree, const std::string& prefix) {
        for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
          const git_tree_entry* entry = git_tree_entry_byindex(tree.get(), i);
          const std::string path = prefix + git_tree_entry_name(entry);
          const git_object_t type = git_tree_entry_type(entry);
          if (type == GIT_OBJECT_TREE)
            walk(impl_->tree(entry_id(entry)), path + "/");
          else if (type == GIT_OBJECT_BLOB)
            result.emplace_back(path, TreeFile{entry_id(entry), entry_mode(entry)});
        }
      };
  walk(impl_->tree_of_commit(commit), "");
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

std::vector<CommittedCheckpoint> Repository::checkpoints_at(const Oid& commit) const {
  const git2::TreeHandle tree = impl_->tree_of_commit(commit);
  std::vector<CommittedCheckpoint> result;
  const Oid root = git2::from_git(*git_tree_id(tree.get()));
  for (const auto& [path, file] : impl_->listing_below(root).manifests)
    result.push_back({path, file, impl_->manifest(file.blob, path)});
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return result;
}

std::optional<CommittedCheckpoint> Repository::checkpoint_at(const Oid& commit,
                                                             const std::string& path) const {
  const auto file = file_at(commit, path);
  if (!file || !is_regular(file->mode) || !impl_->is_manifest(file->blob, path))
    return std::nullopt;
  return CommittedCheckpoint{path, *file, impl_->manifest(file->blob, path)};
}

}  // namespace mgit
