// A Git LFS server as a place for packs. Which packs there are is said by a ref of the git
// repository beside it (pack_ref.h).
#pragma once

#include <memory>

#include "mgit/git.h"
#include "net/credentials.h"
#include "net/http.h"
#include "remote/lfs_batch.h"
#include "remote/lfs_endpoint.h"
#include "remote/lfs_login.h"
#include "remote/pack_ref.h"
#include "remote/pack_remote.h"

namespace mgit {

/// The settings for requests to this URL: http.sslCAInfo of the configuration.
HttpOptions http_options(const Repository& repository, std::string_view url);

class LfsHost : public PackHost {
 public:
  /// `remote_url`: of the git repository; `login`: where it is on an ssh host, which says where the
  /// server is unless the configuration does. The repository must outlive it. Throws
  /// LfsLogin::NoServer.
  LfsHost(const Repository& repository, std::string remote_url,
          std::shared_ptr<LfsLogin> login = nullptr);

  /// Was anything published?
  bool has_index() { return ref_.exists(); }
  std::vector<ListedPack> read_indexes() override { return ref_.read(); }
  std::vector<bool> are_there(std::span<const ListedPack> packs) override;
  void upload(std::span<const OutgoingPack> packs,
              const std::function<void(std::uint64_t)>& sent) override;
  void publish(const std::vector<ListedPack>& packs) override { ref_.publish(packs); }
  void prepare(std::span<const ListedPack> packs) override;
  bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
             const std::function<void(Bytes)>& sink) override;
  std::string name() const override;

 private:
  /// Answers for all of them, in their order; asked in as few requests as the protocol allows.
  std::vector<LfsObject> batch(LfsOperation operation, std::span<const ListedPack> packs);
  std::vector<LfsObject> batch_once(LfsOperation operation, std::span<const ListedPack> packs);
  LfsAction server(LfsOperation operation);
  LfsAction find_server(LfsOperation operation) const;
  /// May another answer of the ssh host be of more use? Then it is asked for next.
  bool log_in_again(LfsOperation operation);
  void upload_one(const OutgoingPack& pack, LfsObject answer,
                  const std::function<void(std::uint64_t)>& sent);
  LfsAction download_of(const ListedPack& pack, bool again);
  void add_authorization(HttpRequest& request);
  /// The request with what the server gave for it, or our own credentials at the server itself.
  HttpRequest request_for(const LfsAction& action, const char* method);

  const Repository& repository_;
  const std::string remote_url_;
  std::shared_ptr<LfsLogin> login_;
  PackRef ref_;
  HttpClient http_;
  Credentials credentials_;
  std::mutex mutex_;  // guards what follows
  std::map<LfsOperation, LfsAction> servers_;
  std::map<std::string, LfsAction> downloads_;
};

}  // namespace mgit
