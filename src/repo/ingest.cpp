#include "repo/ingest.h"

#include <fmt/format.h>

#include <cstdio>

#include "repo/finite_tensors.h"

namespace mgit {
namespace {

/// The version that HEAD has: what a new one is probably like.
Manifest committed_version(const Repository& repository, const std::string& path) {
  const auto head = repository.head();
  const auto committed = head ? repository.checkpoint_at(*head, path) : std::nullopt;
  return committed ? committed->manifest : Manifest{};
}

bool is_unchanged(const Manifest& previous, const TensorInfo& tensor, const Digest& object) {
  const ManifestTensor* before = previous.find(tensor.name);
  return before != nullptr && before->object == object;
}

}  // namespace

struct Ingest::Impl {
  explicit Impl(Repository& where)
      : repository(where), batch(where.store().begin()), finite(where.store().directory()) {}

  Repository& repository;
  std::unique_ptr<Store::Batch> batch;
  FiniteTensors finite;
};

Ingest::Ingest(Repository& repository) : impl_(std::make_unique<Impl>(repository)) {}
Ingest::~Ingest() = default;

std::string Ingest::add(Bytes content, const std::string& path,
                        const std::function<void(std::uint64_t)>& progress) {
  if (looks_like_manifest(as_text(content))) {
    parse_manifest(as_text(content), path);
    return std::string(as_text(content));
  }
  const Manifest previous = committed_version(impl_->repository, path);
  const auto look = [&](const TensorInfo& tensor, const Digest& object, Bytes data) {
    if (!is_unchanged(previous, tensor, object))
      impl_->finite.add(object, {tensor.dtype, tensor.shape, data});
  };
  const Manifest manifest =
      add_checkpoint(*impl_->batch, content, path, previous, {progress, look});
  if (manifest.format == "whole")
    fmt::print(stderr, "note: {}: not a checkpoint format that mgit knows; stored whole\n", path);
  return manifest_text(manifest);
}

void Ingest::commit() {
  impl_->batch->commit();
  impl_->finite.save();
}

}  // namespace mgit
