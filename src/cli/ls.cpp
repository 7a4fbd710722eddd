// mgit ls: the checkpoints of a revision and their tensors.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mgit/repo.h"

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
    case Encoding::kDelta:
      return "delta";
  }
  return "unknown";
}

void print(const CommittedCheckpoint& checkpoint, const Store& store) {
  const Manifest& manifest = checkpoint.manifest;
  fmt::print("{}  {}, {} bytes, {} tensors\n", quote_name(checkpoint.path), manifest.format,
             manifest.size, manifest.tensors.size());
  std::size_t name_width = 0;
  std::size_t shape_width = 0;
  for (const ManifestTensor& tensor : manifest.tensors) {
    name_width = std::max(name_width, quote_name(tensor.info.name).size());
    shape_width = std::max(shape_width, shape_text(tensor.info.shape).size());
  }
  for (const ManifestTensor& tensor : manifest.tensors) {
    const auto info = store.info(tensor.object);
    fmt::print("  {:<{}}  {:<5} {:<{}}  {}  {}", quote_name(tensor.info.name), name_width,
               dtype_name(tensor.info.dtype), shape_text(tensor.info.shape), shape_width,
               tensor.object.hex().substr(0, 10), encoding_name(info));
    if (info) fmt::print(" {}", info->stored);
    fmt::print("\n");
  }
}

nlohmann::json to_json(const ManifestTensor& tensor, const Store& store) {
  const auto info = store.info(tensor.object);
  nlohmann::json json{{"name", tensor.info.name},
                      {"dtype", dtype_name(tensor.info.dtype)},
                      {"shape", tensor.info.shape},
                      {"object", tensor.object.hex()},
                      {"encoding", encoding_name(info)}};
  if (info) json["stored"] = info->stored;
  if (info && info->base) json["base"] = info->base->hex();
  return json;
}

nlohmann::json to_json(const CommittedCheckpoint& checkpoint, const Store& store) {
  nlohmann::json tensors = nlohmann::json::array();
  for (const ManifestTensor& tensor : checkpoint.manifest.tensors)
    tensors.push_back(to_json(tensor, store));
  return {{"path", checkpoint.path},
          {"format", checkpoint.manifest.format},
          {"size", checkpoint.manifest.size},
          {"layout", checkpoint.manifest.layout.hex()},
          {"tensors", std::move(tensors)}};
}

class Ls : public Command {
 public:
  void options(CLI::App& app) override {
    app.add_option("rev", revision_, "a branch, tag or commit")->capture_default_str();
    app.add_option("path", path_, "one checkpoint of it; all without");
    app.add_flag("--json", json_, "as JSON");
  }

  int run() override {
    const Repository repository = Repository::discover();
    const std::vector<CommittedCheckpoint> found = checkpoints(repository);
    if (json_) {
      nlohmann::json list = nlohmann::json::array();
      for (const CommittedCheckpoint& checkpoint : found)
        list.push_back(to_json(checkpoint, repository.store()));
      constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
      fmt::print("{}\n", list.dump(2, ' ', false, kReplace));
      return 0;
    }
    for (const CommittedCheckpoint& checkpoint : found) print(checkpoint, repository.store());
    return 0;
  }

 private:
  std::vector<CommittedCheckpoint> checkpoints(const Repository& repository) const {
    const Oid commit = repository.require(revision_);
    if (path_.empty()) return repository.checkpoints_at(commit);
    auto checkpoint = repository.checkpoint_at(commit, path_);
    if (!checkpoint) throw MissingError("no such checkpoint in " + revision_, path_);
    return {std::move(*checkpoint)};
  }

  std::string revision_ = "HEAD";
  std::string path_;
  bool json_ = false;
};

const Registered<Ls> kLs("ls", "list the checkpoints of a revision and their tensors",
                         "mgit ls main\nmgit ls HEAD~1 model.safetensors --json");

}  // namespace
}  // namespace mgit::cli
