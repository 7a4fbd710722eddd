#include "remote/http_remote.h"

#include <exception>

#include "remote/lfs_host.h"
#include "remote/static_host.h"

namespace mgit {
namespace {

/// Whichever of the two is there; what is sent goes to the Git LFS server.
class HttpHost : public PackHost {
 public:
  HttpHost(const Repository& repository, const std::string& url)
      : lfs_(repository, url), static_(repository, url) {}

  std::vector<ListedPack> read_indexes() override { return chosen().read_indexes(); }
  std::vector<bool> are_there(std::span<const ListedPack> packs) override {
    return chosen().are_there(packs);
  }
  void upload(std::span<const OutgoingPack> packs,
              const std::function<void(std::uint64_t)>& sent) override {
    chosen().upload(packs, sent);
  }
  void publish(const std::vector<ListedPack>& packs) override { chosen().publish(packs); }
  void prepare(std::span<const ListedPack> packs) override { chosen().prepare(packs); }
  bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
             const std::function<void(Bytes)>& sink) override {
    return chosen().fetch(pack, offset, size, sink);
  }
  std::string name() const override { return lfs_.name(); }

 private:
  PackHost& chosen() {
    if (chosen_ != nullptr) return *chosen_;
    bool lfs = true;
    std::exception_ptr no_repository;
    try {
      lfs = lfs_.has_index();
    } catch (const Error&) {
      no_repository = std::current_exception();
    }
    if ((no_repository || !lfs) && static_.exists()) return *(chosen_ = &static_);
    if (no_repository) std::rethrow_exception(no_repository);
    return *(chosen_ = &lfs_);
  }

  LfsHost lfs_;
  StaticHost static_;
  PackHost* chosen_ = nullptr;
};

}  // namespace

bool is_http_url(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

std::unique_ptr<ObjectRemote> open_http_remote(const Repository& repository, std::string_view url) {
  return pack_remote(std::make_unique<HttpHost>(repository, std::string(url)),
                     repository.mgit_dir());
}

std::unique_ptr<ObjectRemote> open_web_server(const Repository& repository, std::string_view url) {
  return pack_remote(std::make_unique<StaticHost>(repository, url), repository.mgit_dir());
}

}  // namespace mgit
