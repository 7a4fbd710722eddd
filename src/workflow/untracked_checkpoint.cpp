#include "workflow/untracked_checkpoint.h"

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "format/detect.h"
#include "worktree/staged_attributes.h"

namespace mgit {
namespace {

constexpr std::uintmax_t kLarge = 1'000'000;

bool is_checkpoint(const std::filesystem::path& file, const std::string& path) {
  try {
    return holds_tensors(MappedFile(file).bytes(), path);
  } catch (const Error&) {  // not to be read
    return false;
  }
}

}  // namespace

std::optional<std::string> untracked_checkpoint(const Repository& repository,
                                                const std::string& path) {
  const std::filesystem::path file = repository.work_dir() / path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(file, error)) ||
      std::filesystem::file_size(file, error) < kLarge || !is_checkpoint(file, path))
    return std::nullopt;
  return fmt::format(
      "{0}: a checkpoint that mgit does not track, kept whole by git "
      "(mgit track '{1}', then git add --renormalize {0})",
      path, pattern_for(path));
}

}  // namespace mgit
