// mgit ls: the checkpoints of a revision and their tensors.
#include <fmt/format.h>

#include "base/json.h"
#include "base/words.h"
#include "cli/command.h"
#include "cli/model_argument.h"
#include "mgit/workspace.h"

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

void print_tensors(const std::vector<ManifestTensor>& tensors, const Store& store,
                   const std::string& margin) {
  if (tensors.empty()) return;
  std::size_t name_width = std::string_view("tensor").size();
  std::size_t shape_width = std::string_view("shape").size();
  for (const ManifestTensor& tensor : tensors) {
    name_width = std::max(name_width, quote_name(tensor.info.name).size());
    shape_width = std::max(shape_width, shape_text(tensor.info.shape).size());
  }
  const auto row = [&](const std::string& name, const std::string& dtype, const std::string& shape,
                       const std::string& object, const std::string& coding,
                       const std::string& stored) {
    fmt::print("{}  {:<{}}  {:<5}  {:<{}}  {:<10}  {:<8}  {}\n", margin, name, name_width, dtype,
               shape, shape_width, object, coding, stored);
  };
  row("tensor", "dtype", "shape", "object", "coding", "stored");
  for (const ManifestTensor& tensor : tensors) {
    const auto info = store.info(tensor.object);
    row(quote_name(tensor.info.name), std::string(dtype_name(tensor.info.dtype)),
        shape_text(tensor.info.shape), tensor.object.hex().substr(0, 10), encoding_name(info),
        info ? size_text(info->stored) : "-");
  }
}

void print(const CommittedCheckpoint& checkpoint, const Store& store, const std::string& margin) {
  const Manifest& manifest = checkpoint.manifest;
  fmt::print("{}{}  {}, {}, {}\n", margin, quote_name(checkpoint.path), manifest.format,
             size_text(manifest.size), counted(manifest.tensors.size(), "tensor"));
  if (!manifest.chunks.empty()) {
    std::uint64_t bytes = 0;
    for (const ManifestChunk& chunk : manifest.chunks) bytes += chunk.length;
    fmt::print("{}  outside tensors: {} in {}\n", margin, size_text(bytes),
               counted(manifest.chunks.size(), "chunk"));
  }
  print_tensors(manifest.tensors, store, margin);
}

std::uint64_t size_of(const CommittedModel& model) {
  std::uint64_t size = 0;
  for (const CommittedCheckpoint& part : model.parts) size += part.manifest.size;
  return size;
}

void print(const CommittedModel& model, const Store& store) {
  if (model.index)
    fmt::print("{}  {}, {}, {}\n", quote_name(model.path), counted(model.parts.size(), "shard"),
               size_text(size_of(model)), counted(model.manifest.tensors.size(), "tensor"));
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
    options.description(
        "Of each tensor: its name, dtype and shape, the object that holds its bytes, how the store "
        "codes that object, and how much it takes there.\n\n"
        "--json prints a list of models: path, format, size, layout, tensors (name, dtype, shape, "
        "object, coding as \"encoding\", \"stored\" bytes, \"base\" object of a difference) and "
        "chunks (bytes outside tensors); of a sharded model its shards in the place of tensors.");
  }

  int run() override {
    const Workspace repository = Workspace::discover();
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
