#include "workflow/diff/diff_moves.h"

#include <algorithm>
#include <map>
#include <string>

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

bool same_content(const std::string& name, const CheckpointSide& before,
                  const CheckpointSide& after) {
  if (before.manifest != nullptr && after.manifest != nullptr)
    return *before.manifest->find(name) == *after.manifest->find(name);
  try {
    const TensorData a = before.source->read(name);
    const TensorData b = after.source->read(name);
    return std::equal(a.view.data.begin(), a.view.data.end(), b.view.data.begin(),
                      b.view.data.end());
  } catch (const MissingError&) {
    return false;  // not fetched: nothing can be said
  }
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
    if (*from.tensor->before != *to.tensor->after ||
        !same_content(key.second, from.file->before, to.file->after))
      continue;
    from.tensor->change = to.tensor->change = TensorChange::kMoved;
    from.tensor->other_file = to.file->difference->path;
    to.tensor->other_file = old_path_of(*from.file->difference);
  }
}

}  // namespace mgit
