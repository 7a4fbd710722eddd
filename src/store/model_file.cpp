#include "store/model_file.h"

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "format/shard_index.h"
#include "mgit/store.h"
#include "tensor/joined_model.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

std::unique_ptr<TensorSource> open_shard(const fs::path& folder, const std::string& shard,
                                         const std::string& index) {
  fs::path place = folder;
  for (const fs::path& part : fs::path(shard)) {
    place /= part;
    const fs::file_status status = fs::symlink_status(place);
    if (!fs::exists(status))
      throw MissingError(fmt::format("its shard {} is not there", quote_name(shard)), index);
    if (fs::is_symlink(status))
      throw CorruptError(fmt::format("its shard {} is a symbolic link", quote_name(shard)), index);
  }
  if (!fs::is_regular_file(place))
    throw CorruptError(fmt::format("its shard {} is not a file", quote_name(shard)), index);
  return open_checkpoint_file(place);
}

}  // namespace

std::unique_ptr<TensorSource> open_model_file(const fs::path& path) {
  if (!checkpoint_of_index(path.filename().string())) return open_checkpoint_file(path);
  const std::string where = path.string();
  const ShardIndex index = parse_shard_index(as_text(MappedFile(path).bytes()), where);
  std::vector<std::unique_ptr<TensorSource>> shards;
  std::vector<ShardTensors> tensors;
  const std::vector<std::string> names = index.shards();
  for (const std::string& name : names) {
    shards.push_back(open_shard(path.parent_path(), name, where));
    tensors.push_back({name, &shards.back()->tensors()});
  }
  check_shards(index, tensors, where);
  return std::make_unique<JoinedModel>(std::move(shards));
}

}  // namespace mgit
