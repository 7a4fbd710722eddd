#include "mgit/workspace.h"

#include "format/quote.h"
#include "tensor/joined_model.h"

namespace mgit {

Workspace Workspace::discover(const std::filesystem::path& start) {
  return Workspace(Repository::discover(start));
}

Workspace::Workspace(Repository repository)
    : Repository(std::move(repository)), store_(std::make_unique<Store>(mgit_dir())) {}

void Workspace::set_fetcher(Fetcher fetcher) { fetcher_ = std::move(fetcher); }

void Workspace::need(const Manifest& manifest, std::string_view where) const {
  std::vector<Digest> missing = missing_objects(store(), manifest);
  if (missing.empty()) return;
  if (fetcher_) {
    fetcher_(*this, missing);
    missing = missing_objects(store(), manifest);
    if (missing.empty()) return;
  }
  const Digest& first = missing.front();
  std::string what = "layout object " + first.hex().substr(0, 12);
  for (const ManifestTensor& tensor : manifest.tensors) {
    if (tensor.object != first) continue;
    what = "tensor object " + first.hex().substr(0, 12);
    if (!tensor.info.name.empty()) what += " of " + quote_name(tensor.info.name);
    break;
  }
  for (const ManifestChunk& chunk : manifest.chunks)
    if (chunk.object == first) what = "object " + first.hex().substr(0, 12);
  what += missing.size() == 1
              ? " is not in this repository"
              : " and " + std::to_string(missing.size() - 1) + " more are not in this repository";
  throw MissingError(what, std::string(where),
                     "fetch it: mgit fetch, or ask whoever pushed this commit");
}

void Workspace::need(const CommittedModel& model, std::string_view where) const {
  for (const CommittedCheckpoint& part : model.parts) {
    std::string place(where);
    if (model.index) place += place.empty() ? part.path : " (" + part.path + ")";
    need(part.manifest, place);
  }
}

std::unique_ptr<TensorSource> open_model(const Store& store, const CommittedModel& model) {
  if (!model.index) return std::make_unique<StoredModel>(store, model.manifest);
  std::vector<std::unique_ptr<TensorSource>> parts;
  for (const CommittedCheckpoint& part : model.parts)
    parts.push_back(std::make_unique<StoredModel>(store, part.manifest));
  return std::make_unique<JoinedModel>(std::move(parts));
}

}  // namespace mgit
