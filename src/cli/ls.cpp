// mgit ls: the checkpoints of a revision and their tensors.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/model_argument.h"
#include "mgit/git.h"

namespace mgit::cli {
namespace {

constexpr const char* kMissing = "missing";

const char* encoding_name(const std::optional<ObjectInfo>& info) {
  if (!info) return kMissing;
  switch (info->encoding) {
    case Encoding::kRaw:
      return "raw";
    case Encoding::kZstd:
      return "zstd";
    case Encoding::kView:
      return "view";
    case Encoding::kLowRank:
      return "low-rank";
    case Encoding::kDelta:
      return "delta";
  }
  return "unknown";
}

void print(const CommittedCheckpoint& checkpoint, const Store& store, const std::string& margin) {
  const Manifest& manifest = checkpoint.manifest;
  fmt::print("{}{}  {}, {} bytes, {} tensors\n", margin, quote_name(checkpoint.path),
             manifest.format, manifest.size, manifest.tensors.size());
  if (!manifest.chunks.empty()) {
    std::uint64_t bytes = 0;
    for (const ManifestChunk& chunk : manifest.chunks) bytes += chunk.length;
    fmt::print("{}  outside tensors: {} bytes in {} chunks\n", margin, bytes,
               manifest.chunks.size());
  }
  std::size_t name_width = 0;
  std::size_t shape_width = 0;
  for (const ManifestTensor& tensor : manifest.tensors) {
    name_width = std::max(name_width, quote_name(tensor.info.name).size());
    shape_width = std::max(shape_width, shape_text(tensor.info.shape).size());
  }
  for (const ManifestTensor& tensor : manifest.tensors) {
    const auto info = store.info(tensor.object);
    fmt::print("{}  {:<{}}  {:<7} {:<{}}  {}  {}", margin, quote_name(tensor.info.name), name_width,
               dtype_name(tensor.info.dtype), shape_text(tensor.info.shape), shape_width,
               tensor.object.hex().substr(0, 10), encoding_name(info));
    if (info) fmt::print(" {}", info->stored);
    fmt::print("\n");
  }
}

std::uint64_t size_of(const CommittedModel& model) {
  std::uint64_t size = 0;
  for (const CommittedCheckpoint& part : model.parts) size += part.manifest.size;
  return size;
}

void print(const CommittedModel& model, const Store& store) {
  if (model.index)
    fmt::print("{}  {} shards, {} bytes, {} tensors\n", quote_name(model.path), model.parts.size(),
               size_of(model), model.manifest.tensors.size());
  for (const CommittedCheckpoint& part : model.parts) print(part, store, model.index ? "  " : "");
}

Json to_json(const ManifestTensor& tensor, const Store& store) {
  const auto info = store.info(tensor.object);
  Json json{{"name", tensor.info.name},
            {"dtype", dtype_name(tensor.info.dtype)},
            {"shape", tensor.info.shape},
            {"object", tensor.object.hex()},
            {"encoding", encoding_name(info)}};
  if (info) json["stored"] = info->stored;
  if (info && info->base) json["base"] = info->base->hex();
  return json;
}

Json to_json(const CommittedCheckpoint& checkpoint, const Store& store) {
  Json tensors = Json::array();
  for (const ManifestTensor& tensor : checkpoint.manifest.tensors)
    tensors.push_back(to_json(tensor, store));
  Json chunks = Json::array();
  for (const ManifestChunk& chunk : checkpoint.manifest.chunks)
    chunks.push_back({{"length", chunk.length}, {"object", chunk.object.hex()}});
  return {{"path", checkpoint.path},          {"format", checkpoint.manifest.format},
          {"size", checkpoint.manifest.size}, {"layout", checkpoint.manifest.layout.hex()},
          {"tensors", std::move(tensors)},    {"chunks", std::move(chunks)}};
}

Json to_json(const CommittedModel& model, const Store& store) {
  if (!model.index) return to_json(model.parts.front(), store);
  Json shards = Json::array();
  for (const CommittedCheckpoint& part : model.parts) shards.push_back(to_json(part, store));
  return {{"path", model.path},
          {"format", model.manifest.format},
          {"size", size_of(model)},
          {"shards", std::move(shards)}};
}

class Ls : public Command {
 public:
  void options(Options& options) override {
    options.argument("rev", revision_, "a branch, tag or commit, or a path in HEAD");
    options.argument("path", path_, "one checkpoint or shard index of it; all without");
    options.flag("--json", json_, "as JSON");
  }

  int run() override {
    const Repository repository = Repository::discover();
    const std::vector<CommittedModel> found = models(repository);
    if (json_) {
      Json list = Json::array();
      for (const CommittedModel& model : found) list.push_back(to_json(model, repository.store()));
      fmt::print("{}\n", list.dump());
      return 0;
    }
    for (const CommittedModel& model : found) print(model, repository.store());
    return 0;
  }

 private:
  std::vector<CommittedModel> models(const Repository& repository) const {
    const auto [revision, path] = model_argument(repository, revision_, path_);
    const Oid commit = repository.require(revision);
    if (path.empty()) {
      ModelListing listing = repository.list_models(commit);
      for (const Error& problem : listing.problems)
        fmt::print(stderr, "warning: {}: {}\n", problem.where(), problem.what());
      return std::move(listing.models);
    }
    auto model = repository.model_at(commit, path);
    if (!model) throw MissingError("no such checkpoint in " + revision, path);
    return {*std::move(model)};
  }

  std::string revision_ = "HEAD";
  std::string path_;
  bool json_ = false;
};

const Registered<Ls> kLs(
    "ls", "list the models of a revision and their tensors",
    "mgit ls\nmgit ls model.safetensors\nmgit ls HEAD~1 model.safetensors --json");

}  // namespace
}  // namespace mgit::cli
