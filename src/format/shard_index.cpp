#include "format/shard_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::string_view kMap = "weight_map";

/// Relative, and every part of it a name: nothing leads out of the index's folder.
bool is_plain_path(std::string_view path) {
  if (path.find('\0') != std::string_view::npos || path.find('\\') != std::string_view::npos)
    return false;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

/// Receives the events of nlohmann's parser: nesting costs no stack, and a key that stands twice,
/// which a document tree would hide, is seen here.
class IndexReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit IndexReader(std::string_view where) : where_(where) {}

  ShardIndex take() {
    if (!found_) broken("no weight_map");
    if (index_.weight_map.empty()) broken("its weight_map is empty");
    std::sort(index_.weight_map.begin(), index_.weight_map.end());
    return std::move(index_);
  }

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }

  bool string(string_t& value) override {
    if (!in_map()) return other();
    if (!is_plain_path(value))
      throw OutsideError(
          fmt::format("broken shard index: the shard path {} of tensor {} is not a plain one below "
                      "the index's folder",
                      quote_name(value), quote_name(tensor_)),
          where_);
    index_.weight_map.emplace_back(tensor_, value);
    return true;
  }

  bool start_object(std::size_t) override {
    if (depth_ == 1 && key_ == kMap)
      in_weight_map_ = found_ = true;
    else if (depth_ > 0)
      other();
    return enter();
  }

  bool key(string_t& key) override {
    if (depth_ == 1) {
      if (key == kMap && found_) broken("two weight_maps");
      key_ = key;
    } else if (in_map()) {
      if (!names_.insert(key).second)
        broken(fmt::format("tensor {} is in its weight_map twice", quote_name(key)));
      tensor_ = key;
    }
    return true;
  }

  bool end_object() override {
    if (in_map()) in_weight_map_ = false;
    --depth_;
    return true;
  }

  bool start_array(std::size_t) override {
    other();
    return enter();
  }

  bool end_array() override {
    --depth_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    broken(fmt::format("bad JSON at byte {}", position));
  }

 private:
  [[noreturn]] void broken(const std::string& reason) const {
    throw CorruptError("broken shard index: " + reason, where_);
  }

  bool in_map() const { return in_weight_map_ && depth_ == 2; }

  bool enter() {
    constexpr std::size_t kShardMaximumDepth = 64;
    if (++depth_ > kShardMaximumDepth) broken("nested too deeply");
    return true;
  }

  /// A value that says nothing about shards, unless a shard or the map belongs in its place.
  bool other() const {
    if (depth_ == 0) broken("not a JSON object");
    if (depth_ == 1 && key_ == kMap) broken("its weight_map is not an object");
    if (in_map()) broken(fmt::format("tensor {} has no file name", quote_name(tensor_)));
    return true;
  }

  std::string where_;
  ShardIndex index_;
  std::set<std::string> names_;
  std::string key_;     // of the outermost object
  std::string tensor_;  // of weight_map
  std::size_t depth_ = 0;
  bool in_weight_map_ = false;
  bool found_ = false;
};

}  // namespace

std::vector<std::string> ShardIndex::shards() const {
  std::set<std::string> names;
  for (const auto& [tensor, shard] : weight_map) names.insert(shard);
  return {names.begin(), names.end()};
}

const std::string* ShardIndex::find(std::string_view tensor) const {
  const auto found =
      std::lower_bound(weight_map.begin(), weight_map.end(), tensor,
                       [](const auto& entry, std::string_view name) { return entry.first < name; });
  return found != weight_map.end() && found->first == tensor ? &found->second : nullptr;
}

std::optional<std::string> checkpoint_of_index(std::string_view path) {
  constexpr std::string_view kEnd = ".json";
  const std::size_t slash = path.rfind('/');
  const std::size_t start = slash == std::string_view::npos ? 0 : slash + 1;
  if (!path.substr(start).ends_with(kEnd)) return std::nullopt;
  for (const std::string_view suffix : {".safetensors", ".bin", ".pt", ".pth"}) {
    const std::string middle = std::string(suffix) + ".index";
    const std::size_t at = path.substr(start).find(middle);
    if (at == std::string_view::npos || at == 0) continue;
    // What stands between ".index" and ".json": nothing, or ".fp16".
    std::string_view variant = path.substr(start + at + middle.size());
    variant.remove_suffix(kEnd.size());
    if (!variant.empty() && (!variant.starts_with('.') || variant.find('.', 1) != variant.npos))
      continue;
    return std::string(path.substr(0, start + at)) + std::string(variant) + std::string(suffix);
  }
  return std::nullopt;
}

bool same_model_path(std::string_view a, std::string_view b) {
  return a == b || checkpoint_of_index(a) == b || checkpoint_of_index(b) == a;
}

ShardIndex parse_shard_index(std::string_view json, std::string_view where) {
  IndexReader reader(where);
  // nlohmann takes a NUL between values for the end of its input.
  if (const auto nul = json.find('\0'); nul != std::string_view::npos)
    throw CorruptError(fmt::format("broken shard index: bad JSON at byte {}", nul + 1),
                       std::string(where));
  nlohmann::json::sax_parse(json, &reader);
  return reader.take();
}

void check_shards(const ShardIndex& index, const std::vector<ShardTensors>& shards,
                  std::string_view where) {
  const auto wrong = [&](const std::string& reason) {
    throw CorruptError(reason, std::string(where), "index and shards must be of one save");
  };
  const auto holds = [](const ShardTensors& shard, std::string_view name) {
    return std::binary_search(
        shard.tensors->begin(), shard.tensors->end(), TensorInfo{std::string(name), {}, {}},
        [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  };
  const auto shard_named = [&](std::string_view name) {
    const auto found = std::lower_bound(
        shards.begin(), shards.end(), name,
        [](const ShardTensors& each, std::string_view key) { return each.shard < key; });
    return found != shards.end() && found->shard == name ? &*found : nullptr;
  };
  for (const ShardTensors& shard : shards)
    for (const TensorInfo& info : *shard.tensors) {
      const std::string* place = index.find(info.name);
      if (place == nullptr)
        wrong(fmt::format("shard {} holds tensor {}, which the index does not name",
                          quote_name(shard.shard), quote_name(info.name)));
      if (*place == shard.shard) continue;
      const ShardTensors* other = shard_named(*place);
      if (other != nullptr && holds(*other, info.name))
        wrong(fmt::format("tensor {} is in two shards, {} and {}", quote_name(info.name),
                          quote_name(*place), quote_name(shard.shard)));
      wrong(fmt::format("tensor {} is in shard {}, the index places it in {}",
                        quote_name(info.name), quote_name(shard.shard), quote_name(*place)));
    }
  for (const auto& [tensor, place] : index.weight_map) {
    const ShardTensors* shard = shard_named(place);
    if (shard == nullptr || !holds(*shard, tensor))
      wrong(fmt::format("shard {} lacks tensor {}, which the index places there", quote_name(place),
                        quote_name(tensor)));
  }
}

}  // namespace mgit
