#include "lineage/snapshot.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "mgit/lineage.h"
#include "model/operation_record.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A HEAD that names a branch adds nothing: the branch is a ref.
void add_detached(const fs::path& git_dir, std::vector<Oid>& tips) {
  constexpr std::size_t kHexDigits = 40;
  if (const auto id = Oid::from_hex(content_of(git_dir / "HEAD").substr(0, kHexDigits)))
    tips.push_back(*id);
}

}  // namespace

std::string Snapshot::state() const {
  std::string text;
  for (const Oid& tip : tips) text += tip.hex() + "\n";
  for (const auto& notes : {evaluations, operations}) text += (notes ? notes->hex() : "") + "\n";
  return sha256(as_bytes(text + shallow)).hex();
}

Snapshot take_snapshot(const Repository& repository) {
  Snapshot snapshot;
  for (const auto& [name, id] : repository.refs("refs/")) {
    if (name == kEvalNotes) snapshot.evaluations = id;
    if (name == kOperationNotes) snapshot.operations = id;
    if (!name.starts_with("refs/notes/")) snapshot.tips.push_back(id);
  }
  // All worktrees' HEADs, so that the index does not depend on where one stands.
  add_detached(repository.common_dir(), snapshot.tips);
  std::error_code ignored;
  for (const auto& worktree :
       fs::directory_iterator(repository.common_dir() / "worktrees", ignored))
    add_detached(worktree.path(), snapshot.tips);
  std::sort(snapshot.tips.begin(), snapshot.tips.end());
  snapshot.tips.erase(std::unique(snapshot.tips.begin(), snapshot.tips.end()), snapshot.tips.end());
  snapshot.shallow = content_of(repository.common_dir() / "shallow");
  return snapshot;
}

}  // namespace mgit
