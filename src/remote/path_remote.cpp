#include "remote/path_remote.h"

#include <system_error>

#include "mgit/remote.h"
#include "remote/server_info.h"

namespace fs = std::filesystem;

namespace mgit {
namespace {

/// A store in another directory, read and written as our own is. What a failed batch wrote is not
/// seen by anybody.
class PathRemote : public ObjectRemote {
 public:
  explicit PathRemote(fs::path directory) : store_(std::move(directory)) {}

  bool is(const Store& store) const override {
    std::error_code ignored;
    return store_.directory() == store.directory() ||
           fs::equivalent(store_.directory(), store.directory(), ignored);
  }
  std::vector<Digest> lacking(std::span<const Digest> objects) const override {
    std::error_code ignored;
    if (!fs::exists(store_.directory(), ignored)) return {objects.begin(), objects.end()};
    return store_.lacking(objects);
  }
  void keep(std::span<const Digest> objects) override { store_.freshen(objects); }
  TransferReport send(const Store& store, std::span<const Digest> objects) override {
    const TransferReport report = transfer(store, store_, {objects.begin(), objects.end()});
    if (report.objects > 0) update_server_info(store_);
    return report;
  }
  std::size_t receive(Store::Batch& batch, std::span<const Digest> objects) const override {
    return batch.copy(store_, objects);
  }

 private:
  Store store_;
};

}  // namespace

bool is_path_url(std::string_view url) {
  if (url.starts_with("file://")) return true;
  const std::size_t colon = url.find(':');  // "host:path" and "https://…" have one before a slash
  return !url.empty() && (colon == std::string_view::npos || colon > url.find('/'));
}

std::unique_ptr<ObjectRemote> open_path_remote(const Repository& ours, std::string_view url) {
  auto directory = store_behind(url, base_of_urls(ours));
  return directory ? std::make_unique<PathRemote>(std::move(*directory)) : nullptr;
}

}  // namespace mgit
