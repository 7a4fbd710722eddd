// A bucket of an S3-compatible store as a place for packs: PREFIX/packs/SHA256.pack, and an object
// PREFIX/indexes/SHA256.idx for each publication (pack_index.h).
#pragma once

#include <map>

#include "mgit/git.h"
#include "net/aws_credentials.h"
#include "net/http.h"
#include "remote/index_cache.h"
#include "remote/object_remote.h"
#include "remote/pack_remote.h"

namespace mgit {

bool is_s3_url(std::string_view url);
/// With the keys that aws_config() finds; `anonymous`: without, and without its endpoint's trust.
std::unique_ptr<ObjectRemote> open_s3(const Repository& ours, std::string_view url, bool anonymous);
std::unique_ptr<ObjectRemote> open_s3_remote(const Repository& ours, std::string_view url);

inline constexpr RemoteKind kS3Remotes{"s3://BUCKET/PREFIX", is_s3_url, open_s3_remote};

class S3Host : public PackHost {
 public:
  /// `cache`: a directory for indexes, which never change.
  S3Host(const Repository& repository, std::string_view url, AwsConfig config,
         std::filesystem::path cache);

  std::vector<ListedPack> read_indexes() override;
  std::vector<bool> are_there(std::span<const ListedPack> packs) override;
  void upload(std::span<const OutgoingPack> packs,
              const std::function<void(std::uint64_t)>& sent) override;
  void publish(const std::vector<ListedPack>& packs) override;
  void prepare(std::span<const ListedPack>) override {}
  bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
             const std::function<void(Bytes)>& sink) override;
  std::string name() const override { return name_; }

 private:
  using Query = std::map<std::string, std::string>;
  /// Of an object, or of the bucket for an empty key.
  std::string url_of(const std::string& key, const Query& query) const;
  /// Signs and sends it; asks again where the bucket lies in another region.
  HttpResponse perform(HttpRequest request, const std::string& key, const Query& query,
                       const std::string& payload_sha256);
  /// Throws Error unless the answer is good.
  HttpResponse demand(HttpRequest request, const std::string& key, const Query& query,
                      const std::string& payload_sha256);
  [[noreturn]] void fail(const std::string& key, const HttpResponse& response) const;
  void list();
  std::string index_text(const std::string& id);
  void upload_one(const OutgoingPack& pack, const std::function<void(std::uint64_t)>& sent);
  void upload_in_parts(const OutgoingPack& pack, const std::string& key,
                       const std::function<void(std::uint64_t)>& sent);

  std::string name_;
  std::string bucket_;
  std::string prefix_;  // empty, or with a slash at its end
  AwsConfig config_;
  IndexCache cache_;
  HttpClient http_;
  std::mutex region_mutex_;                     // guards config_.region
  std::map<std::string, std::uint64_t> packs_;  // sizes, by name
  std::vector<std::string> indexes_;            // names
  bool listed_ = false;
};

}  // namespace mgit
