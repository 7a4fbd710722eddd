#include <fmt/format.h>

#include <cstdlib>

#include "git/repository_impl.h"
#include "mgit/git.h"

namespace mgit {
namespace {

using Changes = std::map<std::string, std::optional<TreeFile>>;

/// Changes below one directory: of its own files, and by subdirectory.
struct Sorted {
  Changes files;
  std::map<std::string, Changes> directories;
};

Sorted by_directory(const Changes& changes) {
  Sorted sorted;
  for (const auto& [path, file] : changes) {
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos)
      sorted.files.emplace(path, file);
    else
      sorted.directories[path.substr(0, slash)].emplace(path.substr(slash + 1), file);
  }
  return sorted;
}

/// Writes `base` (nullptr: empty) with `changes`; nullopt if nothing remains in it.
std::optional<git_oid> write_directory(git_repository* git, const git_tree* base,
                                       const Changes& changes) {
  const auto builder = git2::make<git2::TreeBuilderHandle>(
      [&](git_treebuilder** out) { return git_treebuilder_new(out, git, base); });
  const Sorted sorted = by_directory(changes);
  for (const auto& [name, file] : sorted.files) {
    if (file) {
      const git_oid id = git2::to_git(file->blob);
      git2::check(git_treebuilder_insert(nullptr, builder.get(), name.c_str(), &id,
                                         static_cast<git_filemode_t>(file->mode)),
                  name);
    } else if (git_treebuilder_get(builder.get(), name.c_str()) != nullptr) {
      git2::check(git_treebuilder_remove(builder.get(), name.c_str()), name);
    }
  }
  for (const auto& [name, below] : sorted.directories) {
    const git_tree_entry* entry = git_treebuilder_get(builder.get(), name.c_str());
    git2::TreeHandle subtree;
    if (entry != nullptr && git_tree_entry_type(entry) == GIT_OBJECT_TREE)
      subtree = git2::make<git2::TreeHandle>(
          [&](git_tree** out) { return git_tree_lookup(out, git, git_tree_entry_id(entry)); });
    const bool only_removals =
        std::none_of(below.begin(), below.end(), [](const auto& change) { return change.second; });
    if (!subtree && only_removals) continue;
    if (const auto id = write_directory(git, subtree.get(), below))
      git2::check(
          git_treebuilder_insert(nullptr, builder.get(), name.c_str(), &*id, GIT_FILEMODE_TREE),
          name);
    else
      git2::check(git_treebuilder_remove(builder.get(), name.c_str()), name);
  }
  if (git_treebuilder_entrycount(builder.get()) == 0) return std::nullopt;
  git_oid id;
  git2::check(git_treebuilder_write(&id, builder.get()));
  return id;
}

std::string identity_line(const Signature& who) {
  for (const std::string* part : {&who.name, &who.email})
    if (part->find_first_of(std::string_view("<>\n\0", 4)) != std::string::npos)
      throw Error("a name or an address may not contain < > or a line end", *part);
  const int offset = std::abs(who.offset);
  return fmt::format("{} <{}> {} {}{:02}{:02}", who.name, who.email, who.time,
                     who.offset < 0 ? '-' : '+', offset / 60, offset % 60);
}

/// "Name <email> 1700000000 +0100", as git var prints it.
std::optional<Signature> parse_identity(std::string_view line) {
  const std::size_t open = line.find('<');
  const std::size_t close = line.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  Signature who;
  who.name = line.substr(0, open);
  while (who.name.ends_with(' ')) who.name.pop_back();
  who.email = line.substr(open + 1, close - open - 1);
  int zone = 0;
  long long time = 0;
  if (std::sscanf(std::string(line.substr(close + 1)).c_str(), "%lld %d", &time, &zone) != 2)
    return std::nullopt;
  who.time = time;
  who.offset = zone / 100 * 60 + zone % 100;
  return who;
}

}  // namespace

Oid Repository::write_blob(std::string_view content) {
  git_oid id;
  git2::check(git_blob_create_from_buffer(&id, impl_->git(), content.data(), content.size()));
  return git2::from_git(id);
}

Oid Repository::write_tree(const Oid& tree, const Changes& changes) {
  const git2::TreeHandle base = impl_->tree(tree);
  if (const auto id = write_directory(impl_->git(), base.get(), changes))
    return git2::from_git(*id);
  const auto empty = git2::make<git2::TreeBuilderHandle>(
      [&](git_treebuilder** out) { return git_treebuilder_new(out, impl_->git(), nullptr); });
  git_oid id;
  git2::check(git_treebuilder_write(&id, empty.get()));
  return git2::from_git(id);
}

Oid Repository::write_commit(const Oid& tree, const std::vector<Oid>& parents,
                             const Signature& author, const std::string& message) {
  if (message.find('\0') != std::string::npos)
    throw Error("a commit message may not contain a NUL byte");
  // Written as bytes, because libgit2's own would refuse authors that git accepts.
  std::string content = "tree " + tree.hex() + "\n";
  for (const Oid& parent : parents) content += "parent " + parent.hex() + "\n";
  content += "author " + identity_line(author) + "\n";
  content += "committer " + identity_line(impl_->identity("GIT_COMMITTER_IDENT")) + "\n\n";
  content += message;
  const auto odb = git2::make<git2::OdbHandle>(
      [&](git_odb** out) { return git_repository_odb(out, impl_->git()); });
  git_oid id;
  git2::check(git_odb_write(&id, odb.get(), content.data(), content.size(), GIT_OBJECT_COMMIT));
  return git2::from_git(id);
}

const Signature& Repository::Impl::identity(const char* variable) const {
  const auto known = identities.find(variable);
  if (known != identities.end()) return known->second;
  const ProcessResult result = run_git({"var", variable});
  std::optional<Signature> who;
  if (result.status == 0) who = parse_identity(result.output);
  if (!who)
    throw Error("git does not know who you are", {},
                "git config --global user.name \"Your Name\" && "
                "git config --global user.email you@example.com");
  return identities.emplace(variable, *who).first->second;
}

Signature Repository::user() const { return impl_->identity("GIT_AUTHOR_IDENT"); }

}  // namespace mgit
