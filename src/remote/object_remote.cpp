#include "remote/object_remote.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "remote/path_remote.h"

namespace mgit {
namespace {

/// A new kind is a file and a row here.
constexpr std::array kKinds{kPathRemotes};

}  // namespace

const RemoteKind* remote_kind(std::string_view url) {
  const auto* const kind = std::find_if(kKinds.begin(), kKinds.end(),
                                        [&](const RemoteKind& row) { return row.takes(url); });
  return kind == kKinds.end() ? nullptr : kind;
}

std::string remote_kinds_text() {
  std::vector<std::string_view> names;
  for (const RemoteKind& kind : kKinds) names.push_back(kind.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const std::filesystem::path& base_of_urls(const Repository& repository) {
  return repository.work_dir().empty() ? repository.git_dir() : repository.work_dir();
}

std::unique_ptr<ObjectRemote> open_remote(const Repository& repository, std::string_view url) {
  const RemoteKind* kind = remote_kind(url);
  return kind == nullptr ? nullptr : kind->open(url, base_of_urls(repository));
}

}  // namespace mgit
