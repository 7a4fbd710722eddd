// Shard indexes: sorted, unique, and no path leads out of the folder.
#include "format/shard_index.h"

#include <algorithm>
#include <filesystem>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mgit;
  try {
    const ShardIndex index = parse_shard_index(as_text(fuzz::bytes_of(data, size)), "fuzz");
    const std::vector<std::string> shards = index.shards();
    fuzz::require(std::ranges::adjacent_find(shards, std::greater_equal()) == shards.end(),
                  "every shard once, in order");
    for (const std::string& shard : shards) {
      const std::filesystem::path path(shard);
      fuzz::require(!path.empty() && path.is_relative() && path == path.lexically_normal() &&
                        *path.begin() != "..",
                    "a shard lies in the folder");
    }
    for (const auto& [tensor, shard] : index.weight_map) {
      const std::string* found = index.find(tensor);
      fuzz::require(found != nullptr && *found == shard,
                    "a tensor is in its shard, and only there");
    }
  } catch (const CorruptError&) {
  }
  return 0;
}
