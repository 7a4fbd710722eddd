#include "mgit/store.h"

#include "store/pack_batch.h"
#include "store/store_impl.h"

namespace mgit {

Store::Store(std::filesystem::path directory)
    : impl_(std::make_unique<Impl>(std::move(directory))) {}
Store::~Store() = default;

const std::filesystem::path& Store::directory() const { return impl_->objects.directory(); }

bool Store::contains(const Digest& object) const {
  return impl_->objects.locate(object).has_value();
}

std::vector<Digest> Store::lacking(std::span<const Digest> objects) const {
  return impl_->objects.lacking(objects);
}

void Store::freshen(std::span<const Digest> objects) {
  if (objects.empty() || !std::filesystem::exists(impl_->objects.packs_directory())) return;
  impl_->objects.begin_writing();
  impl_->objects.touch(objects);
}

std::optional<ObjectInfo> Store::info(const Digest& object) const {
  const auto location = impl_->objects.locate(object);
  return location ? std::optional(location->info) : std::nullopt;
}

Buffer Store::read(const Digest& object) const {
  return impl_->objects.read(impl_->objects.record(object));
}

void Store::read_into(const Digest& object, std::span<std::byte> out) const {
  impl_->objects.read_into(impl_->objects.record(object), out);
}

void Store::stream(const Digest& object, const std::function<void(Bytes)>& sink) const {
  impl_->objects.stream(impl_->objects.record(object), sink);
}

std::vector<TravellingRecord> Store::records_of(std::span<const Digest> objects) const {
  return impl_->objects.records_of(objects);
}

void Store::export_records(std::span<const Digest> objects,
                           const std::function<void(Bytes)>& sink) const {
  for (const Digest& object : objects) write_record(impl_->objects.record(object), sink);
}

std::vector<Digest> Store::list() const { return impl_->objects.list(); }
FsckReport Store::fsck() const { return impl_->objects.fsck(); }
void Store::rebuild() { impl_->objects.rebuild(); }

std::unique_ptr<Store::Batch> Store::begin() { return std::make_unique<PackBatch>(impl_->objects); }

}  // namespace mgit
