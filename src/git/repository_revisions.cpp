#include <set>
#include <sstream>

#include "git/repository_impl.h"
#include "git/text.h"
#include "mgit/git.h"

namespace mgit {
namespace {

Signature signature_of(const git_signature* signature, const char* encoding) {
  if (signature == nullptr) return {};
  return {to_utf8(signature->name, encoding), to_utf8(signature->email, encoding),
          signature->when.time, signature->when.offset};
}

std::vector<Oid> oids_in(const std::string& lines) {
  std::vector<Oid> result;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);)
    if (const auto id = Oid::from_hex(line)) result.push_back(*id);
  return result;
}

/// "main", "origin/main", "v1.0": what a user would type for a ref.
std::string short_name(const std::string& ref) {
  for (const std::string_view prefix : {"refs/heads/", "refs/remotes/", "refs/tags/"})
    if (ref.starts_with(prefix)) return ref.substr(prefix.size());
  return {};
}

bool is_similar(const std::string& typed, const std::string& name) {
  if (name.empty()) return false;
  if (name.ends_with("/" + typed)) return true;
  if (typed.size() >= 3 && (name.starts_with(typed) || typed.starts_with(name))) return true;
  return edit_distance(typed, name) <= std::max<std::size_t>(1, typed.size() / 4);
}

}  // namespace

git2::CommitHandle Repository::Impl::commit(const Oid& id) const {
  const git_oid oid = git2::to_git(id);
  return git2::make<git2::CommitHandle>(
      [&](git_commit** out) { return git_commit_lookup(out, git(), &oid); }, id.brief());
}

std::optional<Oid> Repository::resolve(std::string_view revision) const {
  const std::string name(revision);
  if (name.empty() || name.find('\0') != std::string::npos) return std::nullopt;
  git_object* found = nullptr;
  if (git_revparse_single(&found, impl_->git(), name.c_str()) == 0) {
    const git2::ObjectHandle object(found);
    git_object* peeled = nullptr;
    if (git_object_peel(&peeled, object.get(), GIT_OBJECT_COMMIT) != 0) return std::nullopt;
    const git2::ObjectHandle commit(peeled);
    return git2::from_git(*git_object_id(commit.get()));
  }
  // What libgit2 does not understand git might: @{push}, ambiguous names, newer syntax.
  const ProcessResult result =
      impl_->run_git({"rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"});
  if (result.status != 0) return std::nullopt;
  const std::vector<Oid> ids = oids_in(result.output);
  return ids.size() == 1 ? std::optional(ids.front()) : std::nullopt;
}

Oid Repository::require(std::string_view revision) const {
  if (const auto id = resolve(revision)) return *id;
  const std::string typed(revision);
  std::string similar;
  std::string hint = "git branch -a lists the branches there are";
  if (!head() && (typed == "HEAD" || typed == "@" || head_branch() == "refs/heads/" + typed))
    hint = "there is no commit yet on this branch";
  int named = 0;
  for (const auto& [ref, id] : refs("refs/")) {
    const std::string name = short_name(ref);
    if (named == 3 || !is_similar(typed, name)) continue;
    similar += (named++ == 0 ? "" : ", ") + ("'" + name + "'");
  }
  if (named > 0) hint = "did you mean " + similar + "?";
  throw MissingError("no such branch or revision", typed, hint);
}

Commit Repository::commit(const Oid& id) const {
  const git2::CommitHandle handle = impl_->commit(id);
  const git_commit* commit = handle.get();
  const char* encoding = git_commit_message_encoding(commit);
  Commit result;
  result.id = id;
  result.tree = git2::from_git(*git_commit_tree_id(commit));
  for (unsigned i = 0; i < git_commit_parentcount(commit); ++i)
    result.parents.push_back(git2::from_git(*git_commit_parent_id(commit, i)));
  result.author = signature_of(git_commit_author(commit), encoding);
  result.committer = signature_of(git_commit_committer(commit), encoding);
  result.message = to_utf8(git_commit_message_raw(commit), encoding);
  return result;
}

std::vector<Oid> Repository::merge_bases(const Oid& a, const Oid& b) const {
  if (is_shallow()) {  // libgit2 1.5 does not know where a shallow history ends
    const ProcessResult result = impl_->run_git({"merge-base", "--all", a.hex(), b.hex()});
    if (result.status > 1) throw Error("no merge base can be found", a.brief() + ".." + b.brief());
    return oids_in(result.output);
  }
  const git_oid one = git2::to_git(a);
  const git_oid two = git2::to_git(b);
  git_oidarray found{};
  const int status = git_merge_bases(&found, impl_->git(), &one, &two);
  if (status == GIT_ENOTFOUND) return {};
  git2::check(status);
  std::vector<Oid> result;
  for (std::size_t i = 0; i < found.count; ++i) result.push_back(git2::from_git(found.ids[i]));
  git_oidarray_dispose(&found);
  return result;
}

bool Repository::is_ancestor(const Oid& ancestor, const Oid& descendant) const {
  if (ancestor == descendant) return true;
  if (is_shallow()) {
    const ProcessResult result =
        impl_->run_git({"merge-base", "--is-ancestor", ancestor.hex(), descendant.hex()});
    if (result.status > 1) throw Error("cannot walk the history", descendant.brief());
    return result.status == 0;
  }
  const git_oid old = git2::to_git(ancestor);
  const git_oid young = git2::to_git(descendant);
  const int status = git_graph_descendant_of(impl_->git(), &young, &old);
  git2::check(status, descendant.brief());
  return status == 1;
}

std::vector<Oid> Repository::range(const std::optional<Oid>& exclude, const Oid& include) const {
  return history(exclude ? std::vector<Oid>{*exclude} : std::vector<Oid>{}, {include});
}

std::vector<Oid> Repository::history(const std::vector<Oid>& exclude,
                                     const std::vector<Oid>& include) const {
  if (include.empty()) return {};
  if (is_shallow()) {
    std::vector<std::string> arguments = {"rev-list", "--topo-order", "--reverse"};
    for (const Oid& id : include) arguments.push_back(id.hex());
    for (const Oid& id : exclude) arguments.push_back("^" + id.hex());
    return oids_in(impl_->checked_git(std::move(arguments)));
  }
  const auto walk = git2::make<git2::RevwalkHandle>(
      [&](git_revwalk** out) { return git_revwalk_new(out, impl_->git()); });
  git2::check(
      git_revwalk_sorting(walk.get(), GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME | GIT_SORT_REVERSE));
  for (const Oid& id : include) {
    const git_oid oid = git2::to_git(id);
    git2::check(git_revwalk_push(walk.get(), &oid), id.brief());
  }
  for (const Oid& id : exclude) {
    const git_oid oid = git2::to_git(id);
    git2::check(git_revwalk_hide(walk.get(), &oid), id.brief());
  }
  std::vector<Oid> result;
  git_oid next;
  int status = 0;
  while ((status = git_revwalk_next(&next, walk.get())) == 0)
    result.push_back(git2::from_git(next));
  if (status != GIT_ITEROVER) git2::check(status);
  return result;
}

bool Repository::is_shallow() const { return git_repository_is_shallow(impl_->git()) == 1; }

}  // namespace mgit
