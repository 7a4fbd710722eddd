// Models in commits: checkpoints, and shard indexes with their shards.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "format/shard_index.h"
#include "git/repository_impl.h"
#include "mgit/git.h"

namespace mgit {
namespace {

constexpr std::uint32_t kTypeMask = 0170000;
constexpr std::uint32_t kSymlink = 0120000;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::vector<TensorInfo> infos_in(const Manifest& manifest) {
  std::vector<TensorInfo> infos;
  for (const ManifestTensor& tensor : manifest.tensors) infos.push_back(tensor.info);
  return infos;
}

/// The shards of an index as a commit has them.
class ShardedSet {
 public:
  ShardedSet(const Repository& repository, const Oid& commit, const std::string& path,
             const TreeFile& file)
      : path_(path), file_(file) {
    index_ = parse_shard_index(repository.blob(file.blob), path);
    names_ = index_.shards();
    for (const std::string& name : names_) {
      const std::string place = folder_of(path) + name;
      shards_.push_back(repository.checkpoint_at(commit, place));
      files_.push_back(repository.file_at(commit, place));
    }
  }

  std::vector<std::string> paths() const {
    std::vector<std::string> result;
    for (const std::string& name : names_) result.push_back(folder_of(path_) + name);
    return result;
  }

  bool has_checkpoints() const {
    return std::any_of(shards_.begin(), shards_.end(),
                       [](const auto& shard) { return shard && has_tensors(shard->manifest); });
  }

  CommittedModel model() const {
    std::vector<std::vector<TensorInfo>> infos(shards_.size());
    std::vector<ShardTensors> tensors;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      require_shard(i);
      infos[i] = infos_in(shards_[i]->manifest);
      tensors.push_back({names_[i], &infos[i]});
    }
    check_shards(index_, tensors, path_);
    CommittedModel model{path_, file_, {}, {.format = "sharded", .layout = {}, .tensors = {}}};
    for (const auto& shard : shards_) {
      model.parts.push_back(*shard);
      for (const ManifestTensor& tensor : shard->manifest.tensors) {
        model.manifest.tensors.push_back(tensor);
        model.manifest.size += byte_size(tensor.info.dtype, tensor.info.shape).value_or(0);
      }
    }
    std::sort(
        model.manifest.tensors.begin(), model.manifest.tensors.end(),
        [](const ManifestTensor& a, const ManifestTensor& b) { return a.info.name < b.info.name; });
    return model;
  }

 private:
  void require_shard(std::size_t i) const {
    const std::string name = quote_name(names_[i]);
    const std::string place = folder_of(path_) + names_[i];
    if (!files_[i])
      throw MissingError(fmt::format("its shard {} is not there", name), path_,
                         "commit it with the index: mgit add " + place);
    if ((files_[i]->mode & kTypeMask) == kSymlink)
      throw CorruptError(fmt::format("its shard {} is a symbolic link", name), path_,
                         "commit the file itself");
    if (!shards_[i])
      throw CorruptError(fmt::format("its shard {} is not stored as a checkpoint", name), path_,
                         "mgit track '" + names_[i] + "', then mgit add --renormalize " + place);
    if (!has_tensors(shards_[i]->manifest))
      throw CorruptError(
          fmt::format("its shard {} is stored whole: mgit does not know its tensors", name), path_);
  }

  std::string path_;
  TreeFile file_;
  ShardIndex index_;
  std::vector<std::string> names_;
  std::vector<std::optional<CommittedCheckpoint>> shards_;  // parallel to names_, as files_
  std::vector<std::optional<TreeFile>> files_;
};

CommittedModel single_file(CommittedCheckpoint checkpoint) {
  CommittedModel model{checkpoint.path, std::nullopt, {}, checkpoint.manifest};
  model.parts.push_back(std::move(checkpoint));
  return model;
}

}  // namespace

Digest model_digest(const CommittedModel& model) {
  return sha256(as_bytes(manifest_text(model.manifest)));
}

bool same_weights(const CommittedModel& a, const CommittedModel& b) {
  return a.index || b.index ? a.manifest.tensors == b.manifest.tensors : a.manifest == b.manifest;
}

ModelListing Repository::list_models(const Oid& commit) const {
  ModelListing listing;
  std::set<std::string> shards;
  const git2::TreeHandle tree = impl_->tree_of_commit(commit);
  const Oid root = git2::from_git(*git_tree_id(tree.get()));
  for (const auto& [path, file] : impl_->listing_below(root).indexes) {
    try {
      const ShardedSet set(*this, commit, path, file);
      if (!set.has_checkpoints()) continue;
      for (std::string& shard : set.paths()) shards.insert(std::move(shard));
      listing.models.push_back(set.model());
    } catch (const Error& error) {
      listing.problems.push_back(error);
    }
  }
  for (CommittedCheckpoint& checkpoint : checkpoints_at(commit))
    if (!shards.contains(checkpoint.path))
      listing.models.push_back(single_file(std::move(checkpoint)));
  std::sort(listing.models.begin(), listing.models.end(),
            [](const CommittedModel& a, const CommittedModel& b) { return a.path < b.path; });
  return listing;
}

std::vector<CommittedModel> Repository::models_at(const Oid& commit) const {
  ModelListing listing = list_models(commit);
  if (!listing.problems.empty()) throw Error(listing.problems.front());
  return std::move(listing.models);
}

std::optional<CommittedModel> Repository::model_at(const Oid& commit,
                                                   const std::string& path) const {
  if (auto checkpoint = checkpoint_at(commit, path)) return single_file(*std::move(checkpoint));
  const auto sharded = [&](const std::string& index,
                           const TreeFile& file) -> std::optional<CommittedModel> {
    const ShardedSet set(*this, commit, index, file);
    return set.has_checkpoints() || index == path ? std::optional(set.model()) : std::nullopt;
  };
  if (const auto single = checkpoint_of_index(path)) {
    if (const auto file = file_at(commit, path)) return sharded(path, *file);
    auto checkpoint = checkpoint_at(commit, *single);
    return checkpoint ? std::optional(single_file(*std::move(checkpoint))) : std::nullopt;
  }
  const git2::TreeHandle tree = impl_->tree_of_commit(commit);
  const Oid root = git2::from_git(*git_tree_id(tree.get()));
  for (const auto& [index, file] : impl_->listing_below(root).indexes)
    if (same_model_path(index, path)) return sharded(index, file);
  return std::nullopt;
}

}  // namespace mgit
