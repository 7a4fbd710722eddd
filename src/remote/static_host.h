// A copy of a store behind any web server, read-only: the packs as they lie in mgit/packs/, and the
// file mgit/pack-index, which the store keeps once `mgit update-server-info` made it.
#pragma once

#include "mgit/git.h"
#include "net/http.h"
#include "remote/pack_remote.h"

namespace mgit {

class StaticHost : public PackHost {
 public:
  /// `url`: of a repository, or of what has its mgit directory.
  StaticHost(const Repository& repository, std::string_view url);

  /// Is there such a file?
  bool exists();
  std::vector<ListedPack> read_indexes() override;
  std::vector<bool> are_there(std::span<const ListedPack> packs) override;
  void upload(std::span<const OutgoingPack> packs,
              const std::function<void(std::uint64_t)>& sent) override;
  void publish(const std::vector<ListedPack>& packs) override;
  void prepare(std::span<const ListedPack>) override {}
  bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
             const std::function<void(Bytes)>& sink) override;
  std::string name() const override { return shown_; }

 private:
  HttpRequest get(const std::string& path) const;

  std::string base_;  // ends before "/mgit"
  std::string shown_;
  HttpHeaders secret_headers_{};
  HttpClient http_;
  std::optional<std::vector<ListedPack>> packs_{};
  bool looked_ = false;
};

}  // namespace mgit
