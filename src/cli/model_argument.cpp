#include "cli/model_argument.h"

#include <filesystem>

namespace mgit::cli {
namespace {

/// As the commit has it: relative to here, else as it stands.
std::string from_top(const Repository& repository, const Oid& commit, const std::string& path) {
  if (path.empty() || repository.work_dir().empty()) return path;
  const auto here = std::filesystem::absolute(path).lexically_normal();
  const std::string relative = here.lexically_relative(repository.work_dir()).string();
  return repository.model_at(commit, relative) ? relative : path;
}

}  // namespace

ModelArgument model_argument(const Repository& repository, const std::string& revision,
                             const std::string& path) {
  if (const auto commit = repository.resolve(revision))
    return {revision, from_top(repository, *commit, path)};
  const std::size_t colon = revision.find(':');
  const bool both = colon != std::string::npos;
  const std::string meant = both ? revision.substr(0, colon) : "HEAD";
  const auto commit = path.empty() ? repository.resolve(meant) : std::nullopt;
  if (!commit) return {revision, path};
  const std::string file =
      from_top(repository, *commit, both ? revision.substr(colon + 1) : revision);
  if (!repository.model_at(*commit, file)) return {revision, path};
  return {meant, file};
}

}  // namespace mgit::cli
