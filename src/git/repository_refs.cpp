#include <fstream>

#include "git/repository_impl.h"
#include "git/text.h"
#include "mgit/git.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// True if the worktree that `git_dir` belongs to works on this branch, or rebases it.
bool works_on(const fs::path& git_dir, const std::string& branch) {
  return first_line(git_dir / "HEAD") == "ref: " + branch ||
         first_line(git_dir / "rebase-merge" / "head-name") == branch ||
         first_line(git_dir / "rebase-apply" / "head-name") == branch;
}

}  // namespace

std::optional<Oid> Repository::ref(std::string_view name) const {
  git_oid id;
  const int status = git_reference_name_to_id(&id, impl_->git(), std::string(name).c_str());
  if (status == GIT_ENOTFOUND || status == GIT_EINVALIDSPEC) return std::nullopt;
  git2::check(status, std::string(name));
  return git2::from_git(id);
}

std::optional<Oid> Repository::head() const { return ref("HEAD"); }

std::optional<std::string> Repository::head_branch() const {
  const auto head = git2::make<git2::ReferenceHandle>(
      [&](git_reference** out) { return git_reference_lookup(out, impl_->git(), "HEAD"); }, "HEAD");
  const char* target = git_reference_symbolic_target(head.get());
  return target != nullptr ? std::optional<std::string>(target) : std::nullopt;
}

std::vector<std::pair<std::string, Oid>> Repository::refs(std::string_view prefix) const {
  const auto iterator = git2::make<git2::ReferenceIteratorHandle>(
      [&](git_reference_iterator** out) { return git_reference_iterator_new(out, impl_->git()); });
  std::vector<std::pair<std::string, Oid>> result;
  const char* name = nullptr;
  int status = 0;
  while ((status = git_reference_next_name(&name, iterator.get())) == 0) {
    if (!std::string_view(name).starts_with(prefix)) continue;
    if (const auto id = ref(name)) result.emplace_back(name, *id);
  }
  if (status != GIT_ITEROVER) git2::check(status);
  std::sort(result.begin(), result.end());
  return result;
}

void Repository::update_ref(const std::string& name, const Oid& value,
                            const std::optional<Oid>& expected, const std::string& log_message) {
  // git itself: its hooks, reflog rules and locks apply.
  const std::string old = expected ? expected->hex() : Oid().hex();
  const ProcessResult result =
      impl_->run_git({"update-ref", "--create-reflog", "-m", log_message, name, value.hex(), old});
  if (result.status == 0) return;
  if (ref(name) != expected) {
    if (!expected) throw Error("the ref exists already", name);
    throw Error("the ref has changed in the meantime", name, "nothing was changed; try again");
  }
  const std::string words = first_words(result.errors);
  throw Error(words.empty() ? "cannot update the ref" : words, name);
}

bool Repository::checked_out_elsewhere(const std::string& branch_ref) const {
  std::error_code ignored;
  const auto is_here = [&](const fs::path& dir) {
    return fs::equivalent(dir, impl_->git_dir, ignored);
  };
  if (!is_here(impl_->common_dir) && config("core.bare") != "true" &&
      works_on(impl_->common_dir, branch_ref))
    return true;
  for (const auto& entry : fs::directory_iterator(impl_->common_dir / "worktrees", ignored))
    if (!is_here(entry.path()) && works_on(entry.path(), branch_ref)) return true;
  return false;
}

}  // namespace mgit
