#include "worktree/previous_versions.h"

#include <algorithm>
#include <tuple>

namespace mgit {
namespace {

std::string ending_of(const std::string& path) {
  return std::filesystem::path(path).extension().string();
}

std::size_t shared_beginning(const std::string& a, const std::string& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

/// Of the names that share so much of the beginning, the latest: step-1000 rather than step-900.
const std::string& PreviousVersions::latest_that_begins(const std::vector<std::string>& names,
                                                        const std::string& path,
                                                        std::size_t shared) {
  const std::string beginning = path.substr(0, shared);
  const auto [place, is_new] = latest_.try_emplace(ending_of(path) + '\0' + beginning);
  if (!is_new) return place->second;
  for (auto name = std::ranges::lower_bound(names, beginning);
       name != names.end() && name->starts_with(beginning); ++name)
    if (std::tuple(name->size(), *name) > std::tuple(place->second.size(), place->second))
      place->second = *name;
  return place->second;
}

std::optional<std::string> PreviousVersions::sibling(const std::string& path) {
  if (!listed_)
    for (const auto& [name, file] : repository_.files_at(*head_))
      names_[ending_of(name)].push_back(name);
  listed_ = true;
  const auto found = names_.find(ending_of(path));
  if (found == names_.end()) return std::nullopt;
  // In their order those beside it share most.
  const std::vector<std::string>& names = found->second;
  const auto next = std::ranges::lower_bound(names, path);
  std::size_t shared = 0;
  if (next != names.end()) shared = shared_beginning(*next, path);
  if (next != names.begin()) shared = std::max(shared, shared_beginning(*std::prev(next), path));
  return latest_that_begins(names, path, shared);
}

Manifest PreviousVersions::of(const std::string& path) {
  const auto head = repository_.head();
  if (head != head_) {
    names_.clear();
    latest_.clear();
    listed_ = false;
    head_ = head;
  }
  if (!head_) return {};
  try {
    auto committed = repository_.checkpoint_at(*head_, path);
    if (!committed)
      if (const auto name = sibling(path)) committed = repository_.checkpoint_at(*head_, *name);
    return committed ? std::move(committed->manifest) : Manifest{};
  } catch (const Error&) {  // damaged there: no hint then
    return {};
  }
}

}  // namespace mgit
