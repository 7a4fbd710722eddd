#include "worktree/kept_whole.h"

#include <algorithm>

#include "base/process.h"
#include "git/git2.h"

namespace mgit {
namespace {

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

bool is_git(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  return name == "git" || name == "mgit" || name == "git-mgit";
}

/// git takes any beginning of an option that no other has.
bool is_renormalize(const std::string& argument) {
  constexpr std::string_view kShortest = "--ren";
  constexpr std::string_view kOption = "--renormalize";
  return argument.starts_with(kShortest) && kOption.starts_with(argument);
}

}  // namespace

void KeptWhole::read_index() {
  const std::filesystem::path path = index_path(repository_);
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) throw Error("there is no index", path.string());
  if (index_ && same_file(now, status_)) return;
  index_.reset();
  index_ = open_index(path);
  status_ = now;
}

bool KeptWhole::has(const std::string& path, Bytes content) {
  try {
    read_index();
    const git_index_entry* entry = git_index_get_bypath(index_.get(), path.c_str(), 0);
    if (entry == nullptr) return false;
    if (!objects_)
      objects_ = std::make_unique<ObjectDatabase>(repository_, ObjectDatabase::Mode::kOnlyName);
    const Oid blob = git2::from_git(entry->id);
    // A manifest is of another size: nothing is hashed for it.
    return objects_->size(blob) == content.size() && blob_id(as_text(content)) == blob;
  } catch (const Error&) {
    return false;
  }
}

bool renormalizes() {
  constexpr int kBetween = 4;  // git, a shell, and what calls git
  static const bool answer = std::ranges::any_of(callers(kBetween), [](const auto& words) {
    return is_git(words.front()) && std::ranges::find(words, "add") != words.end() &&
           std::ranges::any_of(words, is_renormalize);
  });
  return answer;
}

}  // namespace mgit
