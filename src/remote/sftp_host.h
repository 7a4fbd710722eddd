// The store of a repository on an ssh host that has no mgit, as a place for packs:
// mgit/packs/SHA256.pack beside the packs that mgit itself has written there, and mgit/indexes/
// SHA256.idx for each publication (pack_index.h). Where mgit is installed later, it finds the packs
// as they are.
#pragma once

#include <map>

#include "remote/index_cache.h"
#include "remote/pack_remote.h"
#include "remote/sftp_client.h"

namespace mgit {

class SftpHost : public PackHost {
 public:
  /// `path`: of the repository, as git takes it over ssh. Throws Error if none is there. `name` is
  /// for messages.
  SftpHost(std::shared_ptr<SftpClient> client, const std::string& path, std::string name,
           std::filesystem::path cache);

  std::vector<ListedPack> read_indexes() override;
  std::vector<bool> are_there(std::span<const ListedPack> packs) override;
  void upload(std::span<const OutgoingPack> packs,
              const std::function<void(std::uint64_t)>& sent) override;
  void publish(const std::vector<ListedPack>& packs) override;
  void prepare(std::span<const ListedPack> packs) override;
  bool fetch(const ListedPack& pack, std::uint64_t offset, std::uint64_t size,
             const std::function<void(Bytes)>& sink) override;
  std::string name() const override { return name_; }

 private:
  std::string find_store(const std::string& path);
  void list();
  bool is_there(const ListedPack& pack) const;
  std::string path_of(const ListedPack& pack) const;
  std::string require_handle(const SftpReply& reply, const std::string& path) const;

  std::shared_ptr<SftpClient> client_;
  std::string name_;
  IndexCache cache_;
  std::string store_;                             // the directory mgit of the repository
  std::map<std::string, std::uint64_t> packs_;    // sizes, by file name
  std::map<std::string, std::uint64_t> indexes_;  // sizes, by SHA-256
  std::uint64_t listing_size_ = 0;                // of the file pack-index; 0: there is none
  bool listed_ = false;
  std::mutex mutex_;                              // guards handles_
  std::map<std::string, std::string> handles_{};  // of packs that are open, by path
};

}  // namespace mgit
