#include "workflow/diff/diff_moves.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "base/words.h"

namespace mgit {
namespace {

/// One end of a possible move.
struct End {
  const ComparedFile* file;
  TensorDifference* tensor;
};

struct Ends {
  std::vector<End> gone;
  std::vector<End> added;
};

std::string old_path_of(const CheckpointDifference& difference) {
  return difference.old_path.empty() ? difference.path : difference.old_path;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

/// The tensor of both files compared; nullopt where its values are not here.
std::optional<TensorDifference> compared(const End& from, const End& to) {
  TensorDifference both;
  both.name = from.tensor->name;
  both.before = from.tensor->before;
  both.after = to.tensor->after;
  try {
    compare_values(from.file->before, to.file->after, both);
  } catch (const MissingError&) {
    return std::nullopt;
  }
  return both;
}

}  // namespace

void mark_moves(const std::vector<ComparedFile>& files) {
  std::map<std::pair<std::string, std::string>, Ends> ends;  // by folder and name
  for (const ComparedFile& file : files) {
    CheckpointDifference& difference = *file.difference;
    for (TensorDifference& tensor : difference.tensors) {
      if (tensor.change == TensorChange::kGone)
        ends[{folder_of(old_path_of(difference)), tensor.name}].gone.push_back({&file, &tensor});
      if (tensor.change == TensorChange::kAdded)
        ends[{folder_of(difference.path), tensor.name}].added.push_back({&file, &tensor});
    }
  }
  for (const auto& [key, found] : ends) {
    if (found.gone.size() != 1 || found.added.size() != 1) continue;
    const End& from = found.gone.front();
    const End& to = found.added.front();
    if (*from.tensor->before != *to.tensor->after) continue;
    std::optional<TensorDifference> both = compared(from, to);
    if (!both) continue;
    from.tensor->change = TensorChange::kMoved;
    if (both->change == TensorChange::kEqual)
      to.tensor->change = TensorChange::kMoved;
    else
      *to.tensor = std::move(*both);
    from.tensor->other_file = to.file->difference->path;
    to.tensor->other_file = old_path_of(*from.file->difference);
  }
}

std::string resharding_text(const std::vector<CheckpointDifference>& differences) {
  std::size_t moved = 0;
  std::size_t changed = 0;
  for (const CheckpointDifference& difference : differences)
    for (const TensorDifference& tensor : difference.tensors) {
      if (tensor.change == TensorChange::kMoved && tensor.before) ++moved;
      if (tensor.change == TensorChange::kChanged) ++changed;
    }
  if (moved == 0) return {};
  return fmt::format("resharded: {} moved, {} changed\n", counted(moved, "tensor"), changed);
}

}  // namespace mgit
